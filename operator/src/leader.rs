//! Leader election on a Lease, by client-go's rules.
mod view;

pub use view::LeaseView;
