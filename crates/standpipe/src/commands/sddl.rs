//! `standpipe sddl …`

use std::path::PathBuf;

use clap::{Args, Subcommand};
use standpipe_accounts::{AccountFile, parse_group};
use standpipe_deployment::{Problem, Problems, Source};
use standpipe_security::{
    AccessMask, Account, AccountName, Accounts, NtHash, SecurityDescriptor, Sid, Token, check_pipe_client,
    explain, well_known,
};

use crate::failure::{Exit, Failure};
use crate::output::Output;

const EXPLAIN_EXAMPLES: &str = "Example:\n  standpipe sddl explain 'D:(D;OICI;GA;;;BG)(D;OICI;GA;;;AN)(A;OICI;GRGWGX;;;AU)(A;OICI;GA;;;BA)'";
const CHECK_EXAMPLES: &str = "Examples:\n  \
    standpipe sddl check 'D:(D;;GA;;;BG)(A;;GRGW;;;AU)' --user visitor --groups Guests\n  \
    standpipe sddl check 'D:(A;;GRGW;;;AU)' --user serviceUser --accounts accounts.toml --access write\n  \
    standpipe sddl check 'D:(A;;GRGW;;;AU)' --anonymous\n\n\
    Exit code 0 means yes, 77 means no.";

/// Say what an access-control list means, and whom it lets in
#[derive(Debug, Subcommand)]
pub(crate) enum Sddl {
    /// Say in words what a security descriptor means for a pipe
    #[command(after_help = EXPLAIN_EXAMPLES)]
    Explain(Explain),
    /// Say whether an account may open a pipe, and which entry decides
    #[command(after_help = CHECK_EXAMPLES)]
    Check(Check),
}

#[derive(Debug, Args)]
pub(crate) struct Explain {
    /// The security descriptor
    sddl: String,
}

#[derive(Debug, Args)]
pub(crate) struct Check {
    /// The security descriptor
    sddl: String,

    /// The account that opens the pipe; without --accounts, one made up for the question
    #[arg(long, value_name = "NAME", required_unless_present = "anonymous")]
    user: Option<String>,

    /// What the made-up account is a member of: Users, Administrators, Guests, or SIDs
    #[arg(long, value_name = "GROUP,…", value_delimiter = ',', value_parser = parse_group, default_value = "Users")]
    groups: Vec<Sid>,

    /// The file to find the account in
    #[arg(long, value_name = "PATH", conflicts_with_all = ["groups", "anonymous"])]
    accounts: Option<PathBuf>,

    /// A caller that did not log on
    #[arg(long, conflicts_with = "user")]
    anonymous: bool,

    /// Administrators count as such, as with `filter-administrators = false` in the deployment file
    #[arg(long)]
    full_administrators: bool,

    /// What the caller asks for: read, write, readwrite, all, maximum, or a mask such as 0x12019f
    #[arg(long, value_name = "RIGHTS", default_value = "readwrite", value_parser = parse_access)]
    access: AccessMask,
}

pub(super) fn run(sddl: Sddl, output: &mut Output) -> Result<Exit, Failure> {
    match sddl {
        Sddl::Explain(explain) => {
            let descriptor = parse(&explain.sddl)?;
            output.bytes(explain::explain(&descriptor).to_string().as_bytes())?;
            Ok(Exit::Ok)
        }
        Sddl::Check(check) => self::check(&check, output),
    }
}

fn check(check: &Check, output: &mut Output) -> Result<Exit, Failure> {
    let descriptor = parse(&check.sddl)?;
    let token = match &check.user {
        Some(user) => token(user, check)?,
        None => Token::anonymous(),
    };
    let decision = check_pipe_client(&descriptor, &token, check.access.into());
    let answer = if decision.is_granted() { "yes" } else { "no" };
    output.line_after(answer, format_args!(": {decision}"))?;
    Ok(if decision.is_granted() { Exit::Ok } else { Exit::NotPermitted })
}

fn token(user: &str, check: &Check) -> Result<Token, Failure> {
    let account = match &check.accounts {
        Some(path) => {
            let file = AccountFile::open(path)?;
            let found = file.find(user);
            let account = found.ok_or_else(|| {
                Failure::new(Exit::Config, format!("there is no account {user} in {}", path.display()))
                    .hint("`standpipe account list` shows the accounts")
            })?;
            if !account.enabled {
                return Err(Failure::new(Exit::NotPermitted, format!("the account {user} is disabled"))
                    .hint("it cannot log on, whatever the descriptor says"));
            }
            Account::clone(&account)
        }
        None => made_up(user, &check.groups)?,
    };
    let token = Token::network_logon(&account);
    Ok(if check.full_administrators { token } else { token.filtered() })
}

/// An account that stands in no file and in no descriptor.
fn made_up(user: &str, groups: &[Sid]) -> Result<Account, Failure> {
    let sid = Sid::new(5, &[21, 0, 0, 0, well_known::RID_FIRST_ACCOUNT]);
    Ok(Account {
        name: AccountName::new(user).map_err(|error| Failure::new(Exit::Usage, error))?,
        sid: sid.map_err(|error| Failure::new(Exit::Bug, error))?,
        nt_hash: NtHash::from_bytes([0; 16]),
        groups: groups.to_vec(),
        enabled: true,
    })
}

/// A descriptor from the command line; a mistake is pointed at.
fn parse(text: &str) -> Result<SecurityDescriptor, Failure> {
    text.parse().map_err(|error: standpipe_security::SddlError| {
        let rest = text.get(error.offset()..).unwrap_or_default();
        let length = rest.find([';', '(', ')']).filter(|length| *length > 0);
        let length = length.unwrap_or_else(|| rest.chars().next().map_or(0, char::len_utf8));
        let problem = Problem::at(error.offset()..error.offset() + length, "not a security descriptor")
            .label(error.to_string())
            .hint("an example: D:(D;;GA;;;BG)(A;;GRGW;;;AU)");
        Failure::problems(Exit::Usage, Problems::one(&Source::new("SDDL", text), problem))
    })
}

fn parse_access(text: &str) -> Result<AccessMask, String> {
    Ok(match text {
        "read" => AccessMask::GENERIC_READ,
        "write" => AccessMask::GENERIC_WRITE,
        "readwrite" => AccessMask::GENERIC_READ | AccessMask::GENERIC_WRITE,
        "all" => AccessMask::GENERIC_ALL,
        "maximum" => AccessMask::MAXIMUM_ALLOWED,
        mask => {
            let digits = mask.strip_prefix("0x").or_else(|| mask.strip_prefix("0X"));
            let bits = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
            AccessMask(
                bits.ok_or("expected read, write, readwrite, all, maximum or a mask such as 0x12019f")?,
            )
        }
    })
}
