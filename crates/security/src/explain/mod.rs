//! Security descriptors of pipes in words, for people.

mod rights;

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

pub use rights::RightsInWords;

use crate::access::AccessMask;
use crate::descriptor::{Ace, AceBody, AceFlags, Acl, SecurityDescriptor, Verdict};
use crate::sid::Sid;
use crate::trustee::Trustee;
use crate::well_known;

/// The flags that say how an entry is passed on.
const INHERITANCE: AceFlags =
    AceFlags(AceFlags::OBJECT_INHERIT.0 | AceFlags::CONTAINER_INHERIT.0 | AceFlags::NO_PROPAGATE_INHERIT.0);

/// What a descriptor says about a pipe. `Display` writes it as lines of text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// The owner of the pipe.
    pub owner: Option<Principal>,
    /// The group of the pipe, which no check looks at.
    pub group: Option<Principal>,
    /// The rights to the pipe.
    pub access: Access,
    /// The entries of the SACL: mandatory labels, audits and others.
    pub system: Vec<Entry>,
    /// Points that a reader could miss.
    pub notes: Vec<Cow<'static, str>>,
}

/// The rights to the pipe, as the DACL grants them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Access {
    /// There is no DACL.
    Everything,
    /// The DACL is empty.
    Nothing,
    /// The entries, in the order they are read.
    Entries(Vec<Entry>),
}

/// An entry in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its place in its ACL, from 1.
    pub number: usize,
    /// The verb: `allows`, `denies`, `audits`, ….
    pub does: &'static str,
    /// The account or group that the entry is about.
    pub principal: Principal,
    /// The rights: `read, write`.
    pub rights: String,
    /// Special points: inheritance, conditions, limits.
    pub notes: Vec<Cow<'static, str>>,
    /// The entry as SDDL writes it.
    pub sddl: String,
}

/// An account or group, by name where it has one. Displayed as `BUILTIN\Guests (S-1-5-32-546)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Principal {
    /// A SID.
    Sid(Sid),
    /// An alias that only a machine or domain gives a SID to.
    InDomain(well_known::DomainAlias),
    /// Not known, as the entry is not understood.
    Unknown,
}

impl From<&Trustee> for Principal {
    fn from(trustee: &Trustee) -> Self {
        match *trustee {
            Trustee::Sid(sid) => Self::Sid(sid),
            Trustee::InDomain(alias) => Self::InDomain(alias),
        }
    }
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sid(sid) => match well_known::name_of(sid) {
                Some(name) => write!(f, "{name} ({sid})"),
                None => write!(f, "{sid}"),
            },
            Self::InDomain(alias) => write!(f, "{} ({})", alias.name(), alias.alias()),
            Self::Unknown => f.write_str("(not understood)"),
        }
    }
}

/// Puts a descriptor of a pipe into words.
///
/// ```
/// use standpipe_security::{SecurityDescriptor, explain::explain};
///
/// let descriptor: SecurityDescriptor = "O:BAD:(D;;GA;;;BG)(A;;GR;;;AU)".parse()?;
/// assert_eq!(
///     explain(&descriptor).to_string(),
///     r"owner: BUILTIN\Administrators (S-1-5-32-544)
/// access: the first entry that settles a right counts
///   1  denies  BUILTIN\Guests (S-1-5-32-546)                everything
///   2  allows  NT AUTHORITY\Authenticated Users (S-1-5-11)  read
/// ",
/// );
/// # Ok::<(), standpipe_security::SddlError>(())
/// ```
pub fn explain(sd: &SecurityDescriptor) -> Explanation {
    let entries = |acl: &Acl| -> Vec<Entry> {
        acl.aces.iter().enumerate().map(|(index, ace)| entry(index + 1, ace)).collect()
    };
    let access = match sd.dacl() {
        None => Access::Everything,
        Some(dacl) if dacl.aces.is_empty() => Access::Nothing,
        Some(dacl) => Access::Entries(entries(dacl)),
    };
    Explanation {
        owner: sd.owner().map(Principal::from),
        group: sd.group().map(Principal::from),
        access,
        system: sd.sacl().map(entries).unwrap_or_default(),
        notes: sd
            .dacl()
            .map(|dacl| order_note(dacl).into_iter().chain(inheritance_note(dacl)).collect())
            .unwrap_or_default(),
    }
}

/// Points at a denial behind a grant, which may come too late.
fn order_note(dacl: &Acl) -> Option<Cow<'static, str>> {
    let verdict = |ace: &Ace| match ace.body {
        AceBody::Access { verdict, .. } if !ace.flags.contains(AceFlags::INHERIT_ONLY) => Some(verdict),
        _ => None,
    };
    let allows = dacl.aces.iter().position(|ace| verdict(ace) == Some(Verdict::Allow))?;
    let denies = dacl.aces.iter().skip(allows).position(|ace| verdict(ace) == Some(Verdict::Deny))?;
    Some(Cow::Owned(format!(
        "entry {} denies, but stands behind entry {}: rights that an earlier entry grants stay granted",
        allows + denies + 1,
        allows + 1
    )))
}

/// Notes once that the most common flags have no effect.
fn inheritance_note(dacl: &Acl) -> Option<Cow<'static, str>> {
    let inheritable =
        |ace: &Ace| ace.flags.0 & INHERITANCE.0 != 0 && !ace.flags.contains(AceFlags::INHERIT_ONLY);
    let any = dacl.aces.iter().any(inheritable);
    any.then_some(Cow::Borrowed("nothing is inherited from a pipe: OI, CI and NP have no effect"))
}

fn entry(number: usize, ace: &Ace) -> Entry {
    let mut notes = Vec::new();
    let does = match &ace.body {
        AceBody::Access { verdict, object, condition, trustee, .. } => {
            if let Some(condition) = condition {
                notes.push(Cow::Owned(format!("only if {condition}")));
                notes.push(Cow::Borrowed(match verdict {
                    Verdict::Allow => "conditions are not evaluated: this entry grants nothing",
                    _ => "conditions are not evaluated: this entry counts as if the condition held",
                }));
            }
            if object.is_some_and(|types| types.object.is_some()) {
                notes.push(Cow::Borrowed(match verdict {
                    Verdict::Allow => {
                        "limited to a kind of object that a pipe is not: this entry grants nothing"
                    }
                    _ => "limited to a kind of object, which is taken to be the pipe",
                }));
            }
            if let Trustee::InDomain(alias) = trustee {
                notes.push(Cow::Owned(match verdict {
                    Verdict::Deny => format!(
                        "{} needs a machine or domain: until then it is every account with the relative identifier {}",
                        alias.alias(),
                        alias.rid()
                    ),
                    _ => format!("{} needs a machine or domain: until then it is nobody", alias.alias()),
                }));
            }
            match verdict {
                Verdict::Allow => "allows",
                Verdict::Deny => "denies",
                Verdict::Audit => "audits",
                Verdict::Alarm => "alarms",
            }
        }
        AceBody::MandatoryLabel { .. } => "keeps those trusted less than",
        AceBody::ResourceAttribute { attribute, .. } => {
            notes.push(Cow::Owned(format!("resource attribute {attribute}: no condition is evaluated")));
            "describes to"
        }
        AceBody::ScopedPolicy { .. } => {
            notes.push(Cow::Borrowed("central access policies are not evaluated"));
            "refers to policy"
        }
        AceBody::ProcessTrustLabel { .. } => {
            notes.push(Cow::Borrowed("process trust labels are not evaluated"));
            "asks for process trust"
        }
        AceBody::AccessFilter { condition, .. } => {
            notes.push(Cow::Owned(format!("only if {condition}: access filters are not evaluated")));
            "filters"
        }
        AceBody::Opaque { ace_type, .. } => {
            notes.push(Cow::Owned(format!(
                "entries of type {ace_type:#x} are not understood and match nobody"
            )));
            "concerns"
        }
    };
    flag_notes(ace, &mut notes);
    Entry {
        number,
        does,
        principal: ace.body.trustee().map_or(Principal::Unknown, Principal::from),
        rights: rights(ace),
        notes,
        sddl: ace.to_string(),
    }
}

fn rights(ace: &Ace) -> String {
    match &ace.body {
        AceBody::MandatoryLabel { mask, .. } => {
            let policy = [(0x1, "writing"), (0x2, "reading"), (0x4, "executing")];
            let set = policy.into_iter().filter(|(bit, _)| mask.intersects(AccessMask(*bit)));
            let kept: Vec<_> = set.map(|(_, word)| word).collect();
            if kept.is_empty() { "from nothing".to_string() } else { format!("from {}", kept.join(", ")) }
        }
        AceBody::Access { mask, .. } | AceBody::AccessFilter { mask, .. } => RightsInWords(*mask).to_string(),
        AceBody::ResourceAttribute { .. }
        | AceBody::ScopedPolicy { .. }
        | AceBody::ProcessTrustLabel { .. }
        | AceBody::Opaque { .. } => String::new(),
    }
}

fn flag_notes(ace: &Ace, notes: &mut Vec<Cow<'static, str>>) {
    let has = |flag| ace.flags.contains(flag);
    if has(AceFlags::INHERIT_ONLY) {
        notes.push(Cow::Borrowed("there to be inherited only (IO): no effect on the pipe itself"));
    }
    if has(AceFlags::INHERITED) {
        notes.push(Cow::Borrowed("inherited (ID)"));
    }
    if matches!(ace.body, AceBody::Access { verdict: Verdict::Audit, .. }) {
        notes.push(Cow::Borrowed(match (has(AceFlags::SUCCESSFUL_ACCESS), has(AceFlags::FAILED_ACCESS)) {
            (true, true) => "when granted or refused (SA, FA)",
            (true, false) => "when granted (SA)",
            (false, true) => "when refused (FA)",
            (false, false) => "never, as it has neither SA nor FA",
        }));
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (part, principal) in [("owner", &self.owner), ("group", &self.group)] {
            if let Some(principal) = principal {
                writeln!(f, "{part}: {principal}")?;
            }
        }
        match &self.access {
            Access::Everything => writeln!(f, "access: everyone may do everything, as there is no DACL")?,
            Access::Nothing => writeln!(f, "access: nobody may do anything, as the DACL is empty")?,
            Access::Entries(entries) => {
                writeln!(f, "access: the first entry that settles a right counts")?;
                table(f, entries)?;
            }
        }
        if !self.system.is_empty() {
            writeln!(f, "system:")?;
            table(f, &self.system)?;
        }
        self.notes.iter().try_for_each(|note| writeln!(f, "note: {note}"))
    }
}

/// Writes entries in columns, each with its notes below it.
fn table(f: &mut fmt::Formatter<'_>, entries: &[Entry]) -> fmt::Result {
    let width = |text: &dyn Fn(&Entry) -> usize| entries.iter().map(text).max().unwrap_or(0);
    let numbers = width(&|entry| entry.number.to_string().len());
    let does = width(&|entry| entry.does.chars().count());
    let width_of_name = width(&|entry| entry.principal.to_string().chars().count());
    for entry in entries {
        let name = entry.principal.to_string();
        let line = format!(
            "{:>numbers$}  {:does$}  {name:width_of_name$}  {}",
            entry.number, entry.does, entry.rights
        );
        writeln!(f, "  {}", line.trim_end())?;
        for note in &entry.notes {
            writeln!(f, "  {:numbers$}  {note}", "")?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
