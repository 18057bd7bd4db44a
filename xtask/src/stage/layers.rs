//! Dependencies between the crates go down, from floor to floor, and a local service needs no protocol.

use super::Site;
use crate::shell::Result;
use crate::{layers, packages};

pub(crate) fn run(site: &Site<'_>) -> Result<()> {
    let packages = packages::all(site.workspace)?;
    layers::check(&packages)?;
    layers::check_local_service(site.workspace)?;
    println!("{} packages keep the layers", packages.len());
    Ok(())
}
