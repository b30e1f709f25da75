//! The certificate of the grant endpoint.
mod authority;

pub use authority::GrantAuthority;
