//! End-to-end tests of Vessel on a real cluster.
