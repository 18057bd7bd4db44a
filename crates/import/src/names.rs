//! Names by the rules of the deployment file, made of names of Azure.

use std::collections::HashSet;

/// How long a name may be.
const LONGEST: usize = 63;

/// The names that are taken, so that two that differ in Azure differ in the deployment file too.
#[derive(Debug, Default)]
pub(crate) struct Names {
    taken: HashSet<String>,
}

impl Names {
    /// A name like `wanted` that may be that of a role, an endpoint or a call, and that is not taken. Case
    /// makes no difference.
    pub(crate) fn take(&mut self, wanted: &str, otherwise: &str) -> String {
        let name = fit(wanted, otherwise, |c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
        let mut number = 2;
        let mut free = name.clone();
        while !self.taken.insert(free.to_ascii_lowercase()) {
            let suffix = format!("-{number}");
            let keep = name.len().min(LONGEST - suffix.len());
            free = format!("{}{suffix}", name.get(..keep).unwrap_or_default());
            number += 1;
        }
        free
    }
}

/// The variables that the processes of a role find in their environment: two names of the role must not
/// become one.
#[derive(Debug, Default)]
pub(crate) struct Variables {
    taken: HashSet<String>,
}

impl Variables {
    /// Takes all of these, or none when one is taken.
    pub(crate) fn take(&mut self, names: &[String]) -> bool {
        let is_free = names.iter().all(|name| !self.taken.contains(name));
        if is_free {
            self.taken.extend(names.iter().cloned());
        }
        is_free
    }
}

/// A name like `wanted` that may be that of a deployment.
pub(crate) fn of_deployment(wanted: &str) -> String {
    fit(wanted, "Deployment", |c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
}

fn fit(wanted: &str, otherwise: &str, may_hold: fn(char) -> bool) -> String {
    let mut name: String = wanted.trim().chars().map(|c| if may_hold(c) { c } else { '-' }).collect();
    if !name.starts_with(|c: char| c.is_ascii_alphabetic()) {
        let rest = name.trim_matches('-');
        name = if rest.is_empty() { otherwise.to_owned() } else { format!("{otherwise}-{rest}") };
    }
    name.truncate(LONGEST);
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fit_and_differ() {
        let mut names = Names::default();
        assert_eq!(names.take("NuGet.Services.Work", "Role"), "NuGet-Services-Work");
        assert_eq!(names.take("NuGet-Services-Work", "Role"), "NuGet-Services-Work-2");
        assert_eq!(names.take("nuget services work", "Role"), "nuget-services-work-3");
        assert_eq!(names.take("1st", "Role"), "Role-1st");
        assert_eq!(names.take("Rölle", "Role"), "R-lle");
        assert_eq!(names.take("", "Role"), "Role");
        assert_eq!(names.take("äö", "Role"), "Role-2");
        let long = "x".repeat(100);
        assert_eq!(names.take(&long, "Role").len(), 63);
        assert_eq!(names.take(&long, "Role").len(), 63);
        assert_eq!(of_deployment("My.Service"), "My.Service");
    }
}
