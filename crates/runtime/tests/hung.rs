//! A service that is stopped by SIGSTOP: it lives, and does not work.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use standpipe_deployment::{Deployment, Look, ProcessEnvironment, Source};
use standpipe_runtime::Stop;
use standpipe_runtime::instance::{Instance, InstanceOptions, Outcome, Serving};
use standpipe_runtime::state::InstanceRecord;
use standpipe_teller::soon;
use tokio::sync::watch;

const INTERVAL: Duration = Duration::from_millis(400);
const TIMEOUT: Duration = Duration::from_millis(200);
const MISSES: u32 = 2;

fn deployment(folder: &std::path::Path) -> Deployment {
    let program = env!("CARGO_BIN_EXE_standpipe-answering-service");
    let text = format!(
        "name = \"Hung\"\n[roles.R.service]\ncommand = [\"{program}\", \"simple\"]\n\
         stop-timeout = \"300ms\"\n\
         [roles.R.service.probe]\nsend = \"ping\"\nexpect = \"ping\"\ninterval = \"{INTERVAL:?}\"\n\
         timeout = \"{TIMEOUT:?}\"\nmisses = {MISSES}\n\
         [roles.R.pipes.simple]\nsddl = \"D:(A;;GRGW;;;AU)\"\n\
         [roles.R.endpoints.P]\nprotocol = \"smb\"\nport = 4445\n"
    );
    let source = Source::new("standpipe.toml", text);
    let read = Deployment::from_source(&source, folder, &ProcessEnvironment, Look::Files);
    read.map_err(|problems| problems.render(false)).unwrap()
}

async fn recorded(
    record: &mut watch::Receiver<InstanceRecord>,
    wanted: impl FnMut(&InstanceRecord) -> bool,
) -> InstanceRecord {
    soon(record.wait_for(wanted)).await.unwrap().clone()
}

#[tokio::test]
async fn a_service_that_is_frozen_is_noticed_in_time_and_started_again() {
    let folder = tempfile::tempdir().unwrap();
    let deployment = deployment(folder.path());
    let state_dir = folder.path().join("state");
    let options = InstanceOptions {
        deployment: &deployment,
        role: &deployment.roles()[0],
        number: 0,
        state_dir: &state_dir,
        drain_timeout: Duration::from_secs(1),
    };
    let instance = Instance::prepare(options).unwrap();
    let mut record = instance.record();
    let stop = Stop::default();
    let asked = stop.asked.clone();
    let serve = |serving: Serving| async move {
        serving.stop.cancelled().await;
        Ok(())
    };
    let test = async {
        let first = recorded(&mut record, |record| record.ready).await.services[0].pid.unwrap();
        kill_process(Pid::from_raw(first.cast_signed()).unwrap(), Signal::STOP).unwrap();
        let frozen = Instant::now();
        // The first miss says that it is not ready, and enough of them that it hangs.
        recorded(&mut record, |record| !record.ready).await;
        let hung = recorded(&mut record, |record| record.last_error.is_some()).await;
        let noticed = frozen.elapsed();
        assert!(noticed <= INTERVAL * MISSES + TIMEOUT + Duration::from_millis(500), "{noticed:?}");
        let error = hung.last_error.unwrap();
        assert!(error.contains("missed 2 probes in a row: its pipe `simple` did not reply"), "{error}");
        let again = recorded(&mut record, |record| record.ready).await;
        assert_ne!(again.services[0].pid, Some(first));
        asked.cancel();
    };
    let life = Box::pin(instance.run(Vec::new(), stop, serve));
    let (outcome, ()) = soon(async { tokio::join!(life, Box::pin(test)) }).await;
    assert!(matches!(outcome, Outcome::Stopped), "{outcome}");
}
