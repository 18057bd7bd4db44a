//! Instances that start again because the settings of their role have changed: one update domain after the
//! other.
//!
//! Each instance sees the change itself. One that [the local runtime](crate::local) started knows the others
//! from the file of [`targets`](crate::targets), and waits until those of the update domains before its own
//! have begun with the new settings and are ready. Elsewhere nobody knows the others: each update domain has
//! a length of time.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::PathBuf;
use std::time::Duration;

use tokio::time::Instant;

use crate::state::{self, InstanceRecord, Stage, instance_name};
use crate::targets::{SETTLE, Targets};

/// How long the instances of one update domain have where nobody knows them.
const FOR_EACH_DOMAIN: Duration = Duration::from_secs(20);

/// What tells the settings of a role from others of the same role.
pub fn settings_digest(settings: &[(String, String)]) -> String {
    let mut hasher = DefaultHasher::new();
    settings.hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

/// An instance that is to start again when its turn has come.
#[derive(Debug)]
pub struct Renewal {
    role: String,
    update_domain: u32,
    /// The digest of the new settings.
    settings: String,
    /// The file of targets, where the local runtime runs the instance.
    targets: Option<PathBuf>,
    noticed: Instant,
    /// The instance that it waited for last.
    behind: Option<u32>,
    /// Since when those before it have the new settings.
    free_since: Option<Instant>,
}

/// Whether the turn has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Turn {
    /// It has.
    Now,
    /// Others are not so far, which is as it should be.
    Later,
    /// This instance fails with the new settings. As long as it does, no other one is started with them.
    Failing(String),
}

impl Renewal {
    /// The instance of `role` in that update domain, with the digest of the new settings. `targets` is the
    /// file of targets, where the local runtime runs the instance.
    pub fn new(role: &str, update_domain: u32, settings: String, targets: Option<PathBuf>) -> Self {
        let noticed = Instant::now();
        let role = role.to_owned();
        Self { role, update_domain, settings, targets, noticed, behind: None, free_since: None }
    }

    /// Whether it is for these settings.
    pub fn is_to(&self, settings: &str) -> bool {
        self.settings == settings
    }

    /// Whether the turn has come. To be asked again and again until it has.
    pub fn look(&mut self) -> Turn {
        if self.update_domain == 0 {
            return Turn::Now;
        }
        let Some(targets) = &self.targets else {
            let due = self.noticed + FOR_EACH_DOMAIN.saturating_mul(self.update_domain);
            return if Instant::now() >= due { Turn::Now } else { Turn::Later };
        };
        // It is replaced as a whole, and is there for as long as somebody runs the deployment.
        let Ok(targets_now) = Targets::read(targets) else { return Turn::Later };
        let all = targets_now.roles.get(&self.role).map(Vec::as_slice).unwrap_or_default();
        let before = all.iter().filter(|one| one.update_domain < self.update_domain);
        let mut before: Vec<u32> = before.map(|one| one.instance).collect();
        // The one that was not so far the last time is the first to look at: with many instances, most looks
        // end there.
        before.sort_unstable_by_key(|number| (Some(*number) != self.behind, *number));
        let folder = targets.parent().unwrap_or(targets).to_path_buf();
        for number in before {
            let record = state::read_one(&folder, &self.role, number).ok().flatten();
            match record.map_or(Turn::Later, |record| self.seen(&record)) {
                Turn::Now => {}
                turn => {
                    self.behind = Some(number);
                    self.free_since = None;
                    return turn;
                }
            }
        }
        // Until every caller has noticed that they are ready.
        let since = *self.free_since.get_or_insert_with(Instant::now);
        if since.elapsed() >= SETTLE { Turn::Now } else { Turn::Later }
    }

    /// Whether another instance has begun with the new settings.
    fn seen(&self, record: &InstanceRecord) -> Turn {
        let is_new = record.settings.as_ref() == Some(&self.settings);
        match record.stage {
            // Nobody starts it again.
            Stage::Stopped => Turn::Now,
            _ if is_new && record.ready => Turn::Now,
            Stage::Failed | Stage::Waiting if is_new => {
                Turn::Failing(instance_name(&record.role, record.instance))
            }
            _ => Turn::Later,
        }
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::state::StateDir;
    use crate::targets::{InstanceTarget, VERSION};

    struct Deployment {
        _place: tempfile::TempDir,
        state: StateDir,
    }

    impl Deployment {
        /// Instances of `R`, each in an update domain of its own.
        fn new(instances: u32) -> Self {
            let place = tempfile::tempdir().unwrap();
            let state = StateDir::open(&place.path().join("state")).unwrap();
            let target = |number| InstanceTarget {
                instance: number,
                update_domain: number,
                endpoints: BTreeMap::new(),
            };
            let roles = [("R".to_owned(), (0..instances).map(target).collect())].into();
            state.write_targets(&Targets { version: VERSION, deployment: "D".to_owned(), roles }).unwrap();
            Self { _place: place, state }
        }

        fn is(&self, number: u32, stage: Stage, settings: &str) {
            let dir = self.state.instance("R", number);
            dir.make().unwrap();
            let settings = Some(settings.to_owned());
            let ready = stage == Stage::Running;
            dir.write(&InstanceRecord { stage, ready, settings, ..InstanceRecord::new("R", number) })
                .unwrap();
        }

        fn renewal(&self, domain: u32) -> Renewal {
            Renewal::new("R", domain, "new".to_owned(), Some(self.state.targets()))
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_instance_waits_for_those_of_the_update_domains_before_its_own() {
        let all = Deployment::new(3);
        for number in 0..3 {
            all.is(number, Stage::Running, "old");
        }
        assert_eq!(all.renewal(0).look(), Turn::Now, "the first waits for nobody");
        let (mut second, mut third) = (all.renewal(1), all.renewal(2));
        tokio::time::advance(FOR_EACH_DOMAIN * 10).await;
        assert_eq!((second.look(), third.look()), (Turn::Later, Turn::Later), "time alone changes nothing");
        all.is(0, Stage::Starting, "new");
        assert_eq!(second.look(), Turn::Later);
        all.is(0, Stage::Running, "new");
        assert_eq!((second.look(), third.look()), (Turn::Later, Turn::Later), "callers have to notice");
        tokio::time::advance(SETTLE).await;
        assert_eq!((second.look(), third.look()), (Turn::Now, Turn::Later));
        // One that stopped is not waited for.
        all.is(1, Stage::Stopped, "old");
        assert_eq!(third.look(), Turn::Later);
        tokio::time::advance(SETTLE).await;
        assert_eq!(third.look(), Turn::Now);
    }

    #[tokio::test(start_paused = true)]
    async fn settings_that_an_instance_fails_with_go_no_further() {
        let all = Deployment::new(2);
        all.is(0, Stage::Waiting, "new");
        let mut second = all.renewal(1);
        assert_eq!(second.look(), Turn::Failing("R.0".to_owned()));
        all.is(0, Stage::Waiting, "old");
        assert_eq!(second.look(), Turn::Later, "it failed before the change");
        all.is(0, Stage::Running, "new");
        second.look();
        tokio::time::advance(SETTLE).await;
        assert_eq!(second.look(), Turn::Now);
    }

    #[tokio::test(start_paused = true)]
    async fn where_nobody_knows_the_others_each_update_domain_has_its_time() {
        let mut third = Renewal::new("R", 2, "new".to_owned(), None);
        tokio::time::advance(FOR_EACH_DOMAIN).await;
        assert_eq!(third.look(), Turn::Later);
        tokio::time::advance(FOR_EACH_DOMAIN).await;
        assert_eq!(third.look(), Turn::Now);
    }

    #[test]
    fn settings_are_told_from_others() {
        let digest = |pairs: &[(&str, &str)]| {
            let pairs: Vec<_> = pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
            settings_digest(&pairs)
        };
        assert_eq!(digest(&[("a", "b")]), digest(&[("a", "b")]));
        assert_ne!(digest(&[("a", "b")]), digest(&[("ab", "")]));
        assert_eq!(digest(&[]).len(), 16);
    }
}
