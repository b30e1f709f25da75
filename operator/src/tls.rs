//! The certificate of the grant endpoint: made once for all replicas, kept in a Secret,
//! renewed before it ends, reloaded without a restart.
mod authority;
mod material;
mod secret;

pub use authority::GrantAuthority;
pub use material::{Material, MaterialError};
pub use secret::{Certificate, TlsError};
