//! SIDs that mean the same everywhere, and the two-letter aliases SDDL has for them.

use core::fmt;

use crate::sid::Sid;

/// Nobody.
pub const NULL: Sid = Sid::known(0, [0]);
/// Everyone; anonymous callers only where policy says so.
pub const EVERYONE: Sid = Sid::known(1, [0]);
/// Stands for the creator of an object in entries meant to be inherited.
pub const CREATOR_OWNER: Sid = Sid::known(3, [0]);
/// Stands for the creator's group in entries meant to be inherited.
pub const CREATOR_GROUP: Sid = Sid::known(3, [1]);
/// Stands for the object's owner. Its entries replace the rights that an owner has anyhow.
pub const OWNER_RIGHTS: Sid = Sid::known(3, [4]);
/// Logged on over the network.
pub const NETWORK: Sid = Sid::known(5, [2]);
/// Logged on at the machine.
pub const INTERACTIVE: Sid = Sid::known(5, [4]);
/// Logged on as a service.
pub const SERVICE: Sid = Sid::known(5, [6]);
/// A caller that did not log on.
pub const ANONYMOUS: Sid = Sid::known(5, [7]);
/// Stands for the object itself where the object is an account.
pub const SELF: Sid = Sid::known(5, [10]);
/// Every caller that proved its identity, save the guest account.
pub const AUTHENTICATED_USERS: Sid = Sid::known(5, [11]);
/// Every account of this machine's own organization: all that log on here, but guests.
pub const THIS_ORGANIZATION: Sid = Sid::known(5, [15]);
/// The operating system.
pub const LOCAL_SYSTEM: Sid = Sid::known(5, [18]);
/// A service with few rights, anonymous to the network.
pub const LOCAL_SERVICE: Sid = Sid::known(5, [19]);
/// A service with few rights, the machine to the network.
pub const NETWORK_SERVICE: Sid = Sid::known(5, [20]);
/// The machine's administrators.
pub const BUILTIN_ADMINISTRATORS: Sid = Sid::known(5, [32, 544]);
/// The machine's users.
pub const BUILTIN_USERS: Sid = Sid::known(5, [32, 545]);
/// The machine's guests.
pub const BUILTIN_GUESTS: Sid = Sid::known(5, [32, 546]);
/// A caller that proved its identity with NTLM.
pub const NTLM_AUTHENTICATION: Sid = Sid::known(5, [64, 10]);
/// An account of this machine, not of a domain.
pub const LOCAL_ACCOUNT: Sid = Sid::known(5, [113]);
/// An account of this machine that is one of its administrators.
pub const LOCAL_ACCOUNT_AND_ADMINISTRATOR: Sid = Sid::known(5, [114]);

/// Relative identifier of a machine's built-in administrator.
pub const RID_ADMINISTRATOR: u32 = 500;
/// Relative identifier of a machine's guest account.
pub const RID_GUEST: u32 = 501;
/// Relative identifier of the first account that is not built in.
pub const RID_FIRST_ACCOUNT: u32 = 1000;

/// A SID, its alias where SDDL has one, and its name.
struct Known {
    sid: Sid,
    alias: Option<&'static str>,
    name: &'static str,
}

const fn nt<const N: usize>(alias: &'static str, values: [u32; N], name: &'static str) -> Known {
    Known { sid: Sid::known(5, values), alias: Some(alias), name }
}

const fn builtin(alias: &'static str, rid: u32, name: &'static str) -> Known {
    nt(alias, [32, rid], name)
}

const fn label(alias: &'static str, level: u32, name: &'static str) -> Known {
    Known { sid: Sid::known(16, [level]), alias: Some(alias), name }
}

const fn unaliased(sid: Sid, name: &'static str) -> Known {
    Known { sid, alias: None, name }
}

/// [MS-DTYP] 2.4.2.4 and the `sid-token` rule of 2.5.1.1, with the younger aliases of sddl.h.
const TABLE: &[Known] = &[
    Known { sid: EVERYONE, alias: Some("WD"), name: "Everyone" },
    Known { sid: CREATOR_OWNER, alias: Some("CO"), name: "CREATOR OWNER" },
    Known { sid: CREATOR_GROUP, alias: Some("CG"), name: "CREATOR GROUP" },
    Known { sid: OWNER_RIGHTS, alias: Some("OW"), name: "OWNER RIGHTS" },
    nt("NU", [2], r"NT AUTHORITY\NETWORK"),
    nt("IU", [4], r"NT AUTHORITY\INTERACTIVE"),
    nt("SU", [6], r"NT AUTHORITY\SERVICE"),
    nt("AN", [7], r"NT AUTHORITY\ANONYMOUS LOGON"),
    nt("ED", [9], r"NT AUTHORITY\ENTERPRISE DOMAIN CONTROLLERS"),
    nt("PS", [10], r"NT AUTHORITY\SELF"),
    nt("AU", [11], r"NT AUTHORITY\Authenticated Users"),
    nt("RC", [12], r"NT AUTHORITY\RESTRICTED"),
    nt("SY", [18], r"NT AUTHORITY\SYSTEM"),
    nt("LS", [19], r"NT AUTHORITY\LOCAL SERVICE"),
    nt("NS", [20], r"NT AUTHORITY\NETWORK SERVICE"),
    nt("WR", [33], r"NT AUTHORITY\WRITE RESTRICTED"),
    nt("UD", [84, 0, 0, 0, 0, 0], r"NT AUTHORITY\USER MODE DRIVERS"),
    builtin("BA", 544, r"BUILTIN\Administrators"),
    builtin("BU", 545, r"BUILTIN\Users"),
    builtin("BG", 546, r"BUILTIN\Guests"),
    builtin("PU", 547, r"BUILTIN\Power Users"),
    builtin("AO", 548, r"BUILTIN\Account Operators"),
    builtin("SO", 549, r"BUILTIN\Server Operators"),
    builtin("PO", 550, r"BUILTIN\Print Operators"),
    builtin("BO", 551, r"BUILTIN\Backup Operators"),
    builtin("RE", 552, r"BUILTIN\Replicator"),
    builtin("RU", 554, r"BUILTIN\Pre-Windows 2000 Compatible Access"),
    builtin("RD", 555, r"BUILTIN\Remote Desktop Users"),
    builtin("NO", 556, r"BUILTIN\Network Configuration Operators"),
    builtin("MU", 558, r"BUILTIN\Performance Monitor Users"),
    builtin("LU", 559, r"BUILTIN\Performance Log Users"),
    builtin("IS", 568, r"BUILTIN\IIS_IUSRS"),
    builtin("CY", 569, r"BUILTIN\Cryptographic Operators"),
    builtin("ER", 573, r"BUILTIN\Event Log Readers"),
    builtin("CD", 574, r"BUILTIN\Certificate Service DCOM Access"),
    builtin("RA", 575, r"BUILTIN\RDS Remote Access Servers"),
    builtin("ES", 576, r"BUILTIN\RDS Endpoint Servers"),
    builtin("MS", 577, r"BUILTIN\RDS Management Servers"),
    builtin("HA", 578, r"BUILTIN\Hyper-V Administrators"),
    builtin("AA", 579, r"BUILTIN\Access DescriptorControl Assistance Operators"),
    builtin("RM", 580, r"BUILTIN\Remote Management Users"),
    builtin("HO", 584, r"BUILTIN\User Mode Hardware Operators"),
    Known {
        sid: Sid::known(15, [2, 1]),
        alias: Some("AC"),
        name: r"APPLICATION PACKAGE AUTHORITY\ALL APPLICATION PACKAGES",
    },
    label("LW", 4096, r"Mandatory Label\Low Mandatory Level"),
    label("ME", 8192, r"Mandatory Label\Medium Mandatory Level"),
    label("MP", 8448, r"Mandatory Label\Medium Plus Mandatory Level"),
    label("HI", 12288, r"Mandatory Label\High Mandatory Level"),
    label("SI", 16384, r"Mandatory Label\System Mandatory Level"),
    Known { sid: Sid::known(18, [1]), alias: Some("AS"), name: "Authentication authority asserted identity" },
    Known { sid: Sid::known(18, [2]), alias: Some("SS"), name: "Service asserted identity" },
    unaliased(NULL, "NULL SID"),
    unaliased(Sid::known(2, [0]), "LOCAL"),
    unaliased(Sid::known(2, [1]), "CONSOLE LOGON"),
    unaliased(Sid::known(5, [1]), r"NT AUTHORITY\DIALUP"),
    unaliased(Sid::known(5, [3]), r"NT AUTHORITY\BATCH"),
    unaliased(Sid::known(5, [8]), r"NT AUTHORITY\PROXY"),
    unaliased(Sid::known(5, [13]), r"NT AUTHORITY\TERMINAL SERVER USER"),
    unaliased(Sid::known(5, [14]), r"NT AUTHORITY\REMOTE INTERACTIVE LOGON"),
    unaliased(Sid::known(5, [15]), r"NT AUTHORITY\This Organization"),
    unaliased(Sid::known(5, [17]), r"NT AUTHORITY\IUSR"),
    unaliased(NTLM_AUTHENTICATION, r"NT AUTHORITY\NTLM Authentication"),
    unaliased(Sid::known(5, [64, 14]), r"NT AUTHORITY\SChannel Authentication"),
    unaliased(Sid::known(5, [64, 21]), r"NT AUTHORITY\Digest Authentication"),
    unaliased(Sid::known(5, [80, 0]), r"NT SERVICE\ALL SERVICES"),
    unaliased(LOCAL_ACCOUNT, r"NT AUTHORITY\Local account"),
    unaliased(
        LOCAL_ACCOUNT_AND_ADMINISTRATOR,
        r"NT AUTHORITY\Local account and member of Administrators group",
    ),
    unaliased(Sid::known(15, [2, 2]), r"APPLICATION PACKAGE AUTHORITY\ALL RESTRICTED APPLICATION PACKAGES"),
    unaliased(Sid::known(16, [0]), r"Mandatory Label\Untrusted Mandatory Level"),
];

/// Aliases that only a machine or domain gives a meaning to: [`DomainAlias`] is one row.
const IN_DOMAIN: &[(&str, u32, &str)] = &[
    ("RO", 498, "Enterprise Read-only Domain Controllers"),
    ("LA", RID_ADMINISTRATOR, "Administrator"),
    ("LG", RID_GUEST, "Guest"),
    ("DA", 512, "Domain Admins"),
    ("DU", 513, "Domain Users"),
    ("DG", 514, "Domain Guests"),
    ("DC", 515, "Domain Computers"),
    ("DD", 516, "Domain Controllers"),
    ("CA", 517, "Cert Publishers"),
    ("SA", 518, "Schema Admins"),
    ("EA", 519, "Enterprise Admins"),
    ("PA", 520, "Group Policy Creator Owners"),
    ("CN", 522, "Cloneable Domain Controllers"),
    ("AP", 525, "Protected Users"),
    ("KA", 526, "Key Admins"),
    ("EK", 527, "Enterprise Key Admins"),
    ("RS", 553, "RAS and IAS Servers"),
];

/// An account or group of a machine or domain that SDDL names without saying which: `DA`, `LG`, ….
///
/// [`Trustee`](crate::Trustee) says how the access check treats one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DomainAlias {
    rid: u32,
    alias: &'static str,
    name: &'static str,
}

impl DomainAlias {
    /// The relative identifier: 512 for `DA`.
    pub fn rid(&self) -> u32 {
        self.rid
    }

    /// The two letters.
    pub fn alias(&self) -> &'static str {
        self.alias
    }

    /// The name: `Domain Admins`.
    pub fn name(&self) -> &'static str {
        self.name
    }
}

impl fmt::Debug for DomainAlias {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.alias)
    }
}

/// The SID that a two-letter alias of SDDL stands for wherever it is used, in upper or lower case.
pub(crate) fn sid_of_alias(alias: &str) -> Option<Sid> {
    let is_named = |known: &&Known| known.alias.is_some_and(|known| known.eq_ignore_ascii_case(alias));
    TABLE.iter().find(is_named).map(|known| known.sid)
}

/// The account or group that a two-letter alias of SDDL stands for in a machine or domain, in upper or lower
/// case.
pub(crate) fn domain_alias(alias: &str) -> Option<DomainAlias> {
    let &(alias, rid, name) = IN_DOMAIN.iter().find(|(known, ..)| known.eq_ignore_ascii_case(alias))?;
    Some(DomainAlias { rid, alias, name })
}

/// The two-letter alias SDDL has for this SID, if it has one that needs no domain.
pub fn alias_of(sid: &Sid) -> Option<&'static str> {
    TABLE.iter().find(|known| known.sid == *sid)?.alias
}

/// The name Windows shows for this SID, in English: `BUILTIN\Guests`; for an account or group that every
/// machine or domain has, the name without the machine: `Guest`.
pub fn name_of(sid: &Sid) -> Option<&'static str> {
    let known = TABLE.iter().find(|known| known.sid == *sid).map(|known| known.name);
    known.or_else(|| {
        sid.domain()?;
        IN_DOMAIN.iter().find(|(_, rid, _)| *rid == sid.rid()).map(|&(.., name)| name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeSet;

    #[test]
    fn no_alias_and_no_sid_is_listed_twice() {
        let aliases = TABLE.iter().filter_map(|known| known.alias).chain(IN_DOMAIN.iter().map(|row| row.0));
        let distinct: BTreeSet<_> = aliases.clone().collect();
        assert_eq!(distinct.len(), aliases.count());
        let sids: BTreeSet<_> = TABLE.iter().map(|known| known.sid).collect();
        assert_eq!(sids.len(), TABLE.len());
    }

    #[test]
    fn sids_have_names() {
        for (sid, name) in [
            ("S-1-1-0", Some("Everyone")),
            ("S-1-5-32-546", Some(r"BUILTIN\Guests")),
            ("S-1-5-113", Some(r"NT AUTHORITY\Local account")),
            ("S-1-5-21-1-2-3-501", Some("Guest")),
            ("S-1-5-21-1-2-3-1001", None),
            ("S-1-5-32-9999", None),
        ] {
            assert_eq!(name_of(&sid.parse().unwrap()), name, "{sid}");
        }
    }
}
