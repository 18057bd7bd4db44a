# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_standpipe_global_optspecs
    string join \n log= log-format= color= h/help V/version
end

function __fish_standpipe_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_standpipe_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_standpipe_using_subcommand
    set -l cmd (__fish_standpipe_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c standpipe -n "__fish_standpipe_needs_command" -l log -d 'Which log lines to write to stderr: a level, or a filter such as `info,standpipe_server=debug`' -r
complete -c standpipe -n "__fish_standpipe_needs_command" -l log-format -d 'How log lines are written' -r -f -a "human\t'For people'
json\t'One JSON object on each line'"
complete -c standpipe -n "__fish_standpipe_needs_command" -l color -d 'When to use colours; `auto` means on a terminal, unless `NO_COLOR` is set' -r -f -a "auto\t'On a terminal'
always\t'Everywhere'
never\t'Nowhere'"
complete -c standpipe -n "__fish_standpipe_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c standpipe -n "__fish_standpipe_needs_command" -s V -l version -d 'Print version'
complete -c standpipe -n "__fish_standpipe_needs_command" -f -a "up" -d 'Run a whole deployment on this machine, and start again what fails'
complete -c standpipe -n "__fish_standpipe_needs_command" -f -a "run" -d 'Run one instance of a role: its startup tasks, its service, its endpoints'
complete -c standpipe -n "__fish_standpipe_needs_command" -f -a "ps" -d 'Show the instances of a deployment that runs on this machine'
complete -c standpipe -n "__fish_standpipe_needs_command" -f -a "logs" -d 'Show the last log lines of instances, and those that come'
complete -c standpipe -n "__fish_standpipe_needs_command" -f -a "scale" -d 'Run more or fewer instances of a role'
complete -c standpipe -n "__fish_standpipe_needs_command" -f -a "restart" -d 'Start instances again, one update domain after the other'
complete -c standpipe -n "__fish_standpipe_needs_command" -f -a "update" -d 'Read the deployment file again, and bring instances to what it says, one update domain after the other'
complete -c standpipe -n "__fish_standpipe_needs_command" -f -a "down" -d 'Stop a deployment that runs on this machine'
complete -c standpipe -n "__fish_standpipe_needs_command" -f -a "stop" -d 'Stop a deployment that runs on this machine'
complete -c standpipe -n "__fish_standpipe_needs_command" -f -a "health" -d 'Say by the exit code whether instances on this machine are ready: 0 when all are, 75 otherwise'
complete -c standpipe -n "__fish_standpipe_needs_command" -f -a "call" -d 'Send one request to a pipe and print its reply'
complete -c standpipe -n "__fish_standpipe_needs_command" -f -a "connect" -d 'Offer a pipe of another machine as a local one, for programs that know nothing of the network'
complete -c standpipe -n "__fish_standpipe_needs_command" -f -a "bench" -d 'Call a pipe as fast as it answers, and say how fast that is'
complete -c standpipe -n "__fish_standpipe_needs_command" -f -a "account" -d 'Manage the accounts that may log on'
complete -c standpipe -n "__fish_standpipe_needs_command" -f -a "sddl" -d 'Say what an access-control list means, and whom it lets in'
complete -c standpipe -n "__fish_standpipe_needs_command" -f -a "service" -d 'Install, start and stop services in the service control manager of Windows'
complete -c standpipe -n "__fish_standpipe_needs_command" -f -a "check" -d 'Check a deployment file: every mistake, with its line'
complete -c standpipe -n "__fish_standpipe_needs_command" -f -a "doctor" -d 'Say what would go wrong on this machine, and what to do about it'
complete -c standpipe -n "__fish_standpipe_needs_command" -f -a "pack" -d 'Put a deployment file and the files of its roles into one file, with checksums'
complete -c standpipe -n "__fish_standpipe_needs_command" -f -a "unpack" -d 'Check a pack, and put its files into a folder'
complete -c standpipe -n "__fish_standpipe_needs_command" -f -a "import" -d 'Make a deployment file of an Azure Cloud Service: its definition and configurations'
complete -c standpipe -n "__fish_standpipe_needs_command" -f -a "export" -d 'Write files that run a deployment on Kubernetes, with compose or with systemd'
complete -c standpipe -n "__fish_standpipe_needs_command" -f -a "agent" -d 'Control Windows services and open their pipes inside Wine, for a Standpipe outside of it'
complete -c standpipe -n "__fish_standpipe_using_subcommand up" -s f -l file -d 'The deployment file, or a pack that has one' -r -F
complete -c standpipe -n "__fish_standpipe_using_subcommand up" -l sha256 -d 'The SHA-256 that the pack must have, as `standpipe pack` and `sha256sum` print it' -r
complete -c standpipe -n "__fish_standpipe_using_subcommand up" -l state-dir -d 'The folder to keep state in; without it, one for the deployment where this user keeps such things' -r -F
complete -c standpipe -n "__fish_standpipe_using_subcommand up" -l stop-limit -d 'The longest that a stop may take: whatever has not ended by then is killed; without it, each instance has what its role\'s stop may take' -r
complete -c standpipe -n "__fish_standpipe_using_subcommand up" -l log -d 'Which log lines to write to stderr: a level, or a filter such as `info,standpipe_server=debug`' -r
complete -c standpipe -n "__fish_standpipe_using_subcommand up" -l log-format -d 'How log lines are written' -r -f -a "human\t'For people'
json\t'One JSON object on each line'"
complete -c standpipe -n "__fish_standpipe_using_subcommand up" -l color -d 'When to use colours; `auto` means on a terminal, unless `NO_COLOR` is set' -r -f -a "auto\t'On a terminal'
always\t'Everywhere'
never\t'Nowhere'"
complete -c standpipe -n "__fish_standpipe_using_subcommand up" -l no-view -d 'Only log lines, also on a terminal'
complete -c standpipe -n "__fish_standpipe_using_subcommand up" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c standpipe -n "__fish_standpipe_using_subcommand up" -s V -l version -d 'Print version'
complete -c standpipe -n "__fish_standpipe_using_subcommand run" -s f -l file -d 'The deployment file, or a pack that has one' -r -F
complete -c standpipe -n "__fish_standpipe_using_subcommand run" -l sha256 -d 'The SHA-256 that the pack must have, as `standpipe pack` and `sha256sum` print it' -r
complete -c standpipe -n "__fish_standpipe_using_subcommand run" -l role -d 'The role; not needed when the deployment has only one' -r
complete -c standpipe -n "__fish_standpipe_using_subcommand run" -l instance -d 'Which instance of the role this is, from 0; or a name that ends with `-` and that number, as pods of a StatefulSet have it' -r
complete -c standpipe -n "__fish_standpipe_using_subcommand run" -l address -d 'The address to listen on; without it, every address of a container whose first process this is, and otherwise the loopback address of the instance: 127.0.0.1 for 0, 127.0.0.2 for 1' -r
complete -c standpipe -n "__fish_standpipe_using_subcommand run" -l folder -d 'The folder that paths in the file start from, when the file is in another one' -r -F
complete -c standpipe -n "__fish_standpipe_using_subcommand run" -l target -d 'Where a target\'s instances are, instead of what the deployment file says: HOST:PORT, dns:NAME:PORT, srv:_SERVICE._tcp.NAME or file:PATH. May be given several times. Without it, what STANDPIPE_TARGETS says' -r
complete -c standpipe -n "__fish_standpipe_using_subcommand run" -l health -d 'Where to answer /livez, /readyz, /startz, /metrics and /role, instead of what the deployment file says' -r
complete -c standpipe -n "__fish_standpipe_using_subcommand run" -l stop-limit -d 'How long the platform waits for the end once it has asked for it, such as `terminationGracePeriodSeconds` of a pod: a time too short for what the file asks for is warned of' -r
complete -c standpipe -n "__fish_standpipe_using_subcommand run" -l termination-log -d 'The file that gets the reason when the instance fails, as Kubernetes shows it; without it, /dev/termination-log where there is one' -r -F
complete -c standpipe -n "__fish_standpipe_using_subcommand run" -l state-dir -d 'The folder to keep state in; without it, one with the deployment\'s name in /run/standpipe for root, in $XDG_RUNTIME_DIR/standpipe or /tmp/standpipe-UID for others, and in %LOCALAPPDATA%\\\\standpipe on Windows' -r -F
complete -c standpipe -n "__fish_standpipe_using_subcommand run" -l log-to -d 'A file to keep the last log lines in; for `up`' -r -F
complete -c standpipe -n "__fish_standpipe_using_subcommand run" -l log -d 'Which log lines to write to stderr: a level, or a filter such as `info,standpipe_server=debug`' -r
complete -c standpipe -n "__fish_standpipe_using_subcommand run" -l log-format -d 'How log lines are written' -r -f -a "human\t'For people'
json\t'One JSON object on each line'"
complete -c standpipe -n "__fish_standpipe_using_subcommand run" -l color -d 'When to use colours; `auto` means on a terminal, unless `NO_COLOR` is set' -r -f -a "auto\t'On a terminal'
always\t'Everywhere'
never\t'Nowhere'"
complete -c standpipe -n "__fish_standpipe_using_subcommand run" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c standpipe -n "__fish_standpipe_using_subcommand run" -s V -l version -d 'Print version'
complete -c standpipe -n "__fish_standpipe_using_subcommand ps" -s f -l file -d 'The deployment file or the pack, which says the deployment\'s name; without it, the only deployment that runs here' -r -F
complete -c standpipe -n "__fish_standpipe_using_subcommand ps" -s d -l deployment -d 'The deployment\'s name' -r
complete -c standpipe -n "__fish_standpipe_using_subcommand ps" -l state-dir -d 'The folder that the deployment keeps its state in, where it is not the usual one' -r -F
complete -c standpipe -n "__fish_standpipe_using_subcommand ps" -l log -d 'Which log lines to write to stderr: a level, or a filter such as `info,standpipe_server=debug`' -r
complete -c standpipe -n "__fish_standpipe_using_subcommand ps" -l log-format -d 'How log lines are written' -r -f -a "human\t'For people'
json\t'One JSON object on each line'"
complete -c standpipe -n "__fish_standpipe_using_subcommand ps" -l color -d 'When to use colours; `auto` means on a terminal, unless `NO_COLOR` is set' -r -f -a "auto\t'On a terminal'
always\t'Everywhere'
never\t'Nowhere'"
complete -c standpipe -n "__fish_standpipe_using_subcommand ps" -l json -d 'As JSON'
complete -c standpipe -n "__fish_standpipe_using_subcommand ps" -l ready -d 'Say with the exit code whether every instance is ready'
complete -c standpipe -n "__fish_standpipe_using_subcommand ps" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c standpipe -n "__fish_standpipe_using_subcommand ps" -s V -l version -d 'Print version'
complete -c standpipe -n "__fish_standpipe_using_subcommand logs" -s n -l lines -d 'How many lines of each instance to begin with' -r
complete -c standpipe -n "__fish_standpipe_using_subcommand logs" -l file -d 'The deployment file, which says the deployment\'s name; without it, the only deployment that runs here' -r -F
complete -c standpipe -n "__fish_standpipe_using_subcommand logs" -s d -l deployment -d 'The deployment\'s name' -r
complete -c standpipe -n "__fish_standpipe_using_subcommand logs" -l state-dir -d 'The folder that the deployment keeps its state in, where it is not the usual one' -r -F
complete -c standpipe -n "__fish_standpipe_using_subcommand logs" -l log -d 'Which log lines to write to stderr: a level, or a filter such as `info,standpipe_server=debug`' -r
complete -c standpipe -n "__fish_standpipe_using_subcommand logs" -l log-format -d 'How log lines are written' -r -f -a "human\t'For people'
json\t'One JSON object on each line'"
complete -c standpipe -n "__fish_standpipe_using_subcommand logs" -l color -d 'When to use colours; `auto` means on a terminal, unless `NO_COLOR` is set' -r -f -a "auto\t'On a terminal'
always\t'Everywhere'
never\t'Nowhere'"
complete -c standpipe -n "__fish_standpipe_using_subcommand logs" -s f -l follow -d 'Go on with the lines that come'
complete -c standpipe -n "__fish_standpipe_using_subcommand logs" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c standpipe -n "__fish_standpipe_using_subcommand logs" -s V -l version -d 'Print version'
complete -c standpipe -n "__fish_standpipe_using_subcommand scale" -l timeout -d 'How long a new instance may take to be ready' -r
complete -c standpipe -n "__fish_standpipe_using_subcommand scale" -s f -l file -d 'The deployment file or the pack, which says the deployment\'s name; without it, the only deployment that runs here' -r -F
complete -c standpipe -n "__fish_standpipe_using_subcommand scale" -s d -l deployment -d 'The deployment\'s name' -r
complete -c standpipe -n "__fish_standpipe_using_subcommand scale" -l state-dir -d 'The folder that the deployment keeps its state in, where it is not the usual one' -r -F
complete -c standpipe -n "__fish_standpipe_using_subcommand scale" -l log -d 'Which log lines to write to stderr: a level, or a filter such as `info,standpipe_server=debug`' -r
complete -c standpipe -n "__fish_standpipe_using_subcommand scale" -l log-format -d 'How log lines are written' -r -f -a "human\t'For people'
json\t'One JSON object on each line'"
complete -c standpipe -n "__fish_standpipe_using_subcommand scale" -l color -d 'When to use colours; `auto` means on a terminal, unless `NO_COLOR` is set' -r -f -a "auto\t'On a terminal'
always\t'Everywhere'
never\t'Nowhere'"
complete -c standpipe -n "__fish_standpipe_using_subcommand scale" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c standpipe -n "__fish_standpipe_using_subcommand scale" -s V -l version -d 'Print version'
complete -c standpipe -n "__fish_standpipe_using_subcommand restart" -l timeout -d 'How long an instance may take to be ready again' -r
complete -c standpipe -n "__fish_standpipe_using_subcommand restart" -s f -l file -d 'The deployment file or the pack, which says the deployment\'s name; without it, the only deployment that runs here' -r -F
complete -c standpipe -n "__fish_standpipe_using_subcommand restart" -s d -l deployment -d 'The deployment\'s name' -r
complete -c standpipe -n "__fish_standpipe_using_subcommand restart" -l state-dir -d 'The folder that the deployment keeps its state in, where it is not the usual one' -r -F
complete -c standpipe -n "__fish_standpipe_using_subcommand restart" -l log -d 'Which log lines to write to stderr: a level, or a filter such as `info,standpipe_server=debug`' -r
complete -c standpipe -n "__fish_standpipe_using_subcommand restart" -l log-format -d 'How log lines are written' -r -f -a "human\t'For people'
json\t'One JSON object on each line'"
complete -c standpipe -n "__fish_standpipe_using_subcommand restart" -l color -d 'When to use colours; `auto` means on a terminal, unless `NO_COLOR` is set' -r -f -a "auto\t'On a terminal'
always\t'Everywhere'
never\t'Nowhere'"
complete -c standpipe -n "__fish_standpipe_using_subcommand restart" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c standpipe -n "__fish_standpipe_using_subcommand restart" -s V -l version -d 'Print version'
complete -c standpipe -n "__fish_standpipe_using_subcommand update" -l timeout -d 'How long an instance may take to be ready' -r
complete -c standpipe -n "__fish_standpipe_using_subcommand update" -s f -l file -d 'The deployment file or the pack, which says the deployment\'s name; without it, the only deployment that runs here' -r -F
complete -c standpipe -n "__fish_standpipe_using_subcommand update" -s d -l deployment -d 'The deployment\'s name' -r
complete -c standpipe -n "__fish_standpipe_using_subcommand update" -l state-dir -d 'The folder that the deployment keeps its state in, where it is not the usual one' -r -F
complete -c standpipe -n "__fish_standpipe_using_subcommand update" -l log -d 'Which log lines to write to stderr: a level, or a filter such as `info,standpipe_server=debug`' -r
complete -c standpipe -n "__fish_standpipe_using_subcommand update" -l log-format -d 'How log lines are written' -r -f -a "human\t'For people'
json\t'One JSON object on each line'"
complete -c standpipe -n "__fish_standpipe_using_subcommand update" -l color -d 'When to use colours; `auto` means on a terminal, unless `NO_COLOR` is set' -r -f -a "auto\t'On a terminal'
always\t'Everywhere'
never\t'Nowhere'"
complete -c standpipe -n "__fish_standpipe_using_subcommand update" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c standpipe -n "__fish_standpipe_using_subcommand update" -s V -l version -d 'Print version'
complete -c standpipe -n "__fish_standpipe_using_subcommand down" -s f -l file -d 'The deployment file or the pack, which says the deployment\'s name; without it, the only deployment that runs here' -r -F
complete -c standpipe -n "__fish_standpipe_using_subcommand down" -s d -l deployment -d 'The deployment\'s name' -r
complete -c standpipe -n "__fish_standpipe_using_subcommand down" -l state-dir -d 'The folder that the deployment keeps its state in, where it is not the usual one' -r -F
complete -c standpipe -n "__fish_standpipe_using_subcommand down" -l log -d 'Which log lines to write to stderr: a level, or a filter such as `info,standpipe_server=debug`' -r
complete -c standpipe -n "__fish_standpipe_using_subcommand down" -l log-format -d 'How log lines are written' -r -f -a "human\t'For people'
json\t'One JSON object on each line'"
complete -c standpipe -n "__fish_standpipe_using_subcommand down" -l color -d 'When to use colours; `auto` means on a terminal, unless `NO_COLOR` is set' -r -f -a "auto\t'On a terminal'
always\t'Everywhere'
never\t'Nowhere'"
complete -c standpipe -n "__fish_standpipe_using_subcommand down" -l now -d 'Kill what runs, without waiting for calls in flight or for services to stop'
complete -c standpipe -n "__fish_standpipe_using_subcommand down" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c standpipe -n "__fish_standpipe_using_subcommand down" -s V -l version -d 'Print version'
complete -c standpipe -n "__fish_standpipe_using_subcommand stop" -s f -l file -d 'The deployment file or the pack, which says the deployment\'s name; without it, the only deployment that runs here' -r -F
complete -c standpipe -n "__fish_standpipe_using_subcommand stop" -s d -l deployment -d 'The deployment\'s name' -r
complete -c standpipe -n "__fish_standpipe_using_subcommand stop" -l state-dir -d 'The folder that the deployment keeps its state in, where it is not the usual one' -r -F
complete -c standpipe -n "__fish_standpipe_using_subcommand stop" -l log -d 'Which log lines to write to stderr: a level, or a filter such as `info,standpipe_server=debug`' -r
complete -c standpipe -n "__fish_standpipe_using_subcommand stop" -l log-format -d 'How log lines are written' -r -f -a "human\t'For people'
json\t'One JSON object on each line'"
complete -c standpipe -n "__fish_standpipe_using_subcommand stop" -l color -d 'When to use colours; `auto` means on a terminal, unless `NO_COLOR` is set' -r -f -a "auto\t'On a terminal'
always\t'Everywhere'
never\t'Nowhere'"
complete -c standpipe -n "__fish_standpipe_using_subcommand stop" -l now -d 'Kill what runs, without waiting for calls in flight or for services to stop'
complete -c standpipe -n "__fish_standpipe_using_subcommand stop" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c standpipe -n "__fish_standpipe_using_subcommand stop" -s V -l version -d 'Print version'
complete -c standpipe -n "__fish_standpipe_using_subcommand health" -s f -l file -d 'The deployment file or the pack, which says the deployment\'s name; without it, the only deployment that runs here' -r -F
complete -c standpipe -n "__fish_standpipe_using_subcommand health" -s d -l deployment -d 'The deployment\'s name' -r
complete -c standpipe -n "__fish_standpipe_using_subcommand health" -l state-dir -d 'The folder that the deployment keeps its state in, where it is not the usual one' -r -F
complete -c standpipe -n "__fish_standpipe_using_subcommand health" -l role -d 'Only the instances of this role' -r
complete -c standpipe -n "__fish_standpipe_using_subcommand health" -l instance -d 'Only the instance with this number, or with the number at the end of this name' -r
complete -c standpipe -n "__fish_standpipe_using_subcommand health" -l log -d 'Which log lines to write to stderr: a level, or a filter such as `info,standpipe_server=debug`' -r
complete -c standpipe -n "__fish_standpipe_using_subcommand health" -l log-format -d 'How log lines are written' -r -f -a "human\t'For people'
json\t'One JSON object on each line'"
complete -c standpipe -n "__fish_standpipe_using_subcommand health" -l color -d 'When to use colours; `auto` means on a terminal, unless `NO_COLOR` is set' -r -f -a "auto\t'On a terminal'
always\t'Everywhere'
never\t'Nowhere'"
complete -c standpipe -n "__fish_standpipe_using_subcommand health" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c standpipe -n "__fish_standpipe_using_subcommand health" -s V -l version -d 'Print version'
complete -c standpipe -n "__fish_standpipe_using_subcommand call" -l file -d 'Send what is in a file' -r -F
complete -c standpipe -n "__fish_standpipe_using_subcommand call" -s u -l user -d 'The user that logs on: an account of the server, or DOMAIN\\user' -r
complete -c standpipe -n "__fish_standpipe_using_subcommand call" -l password-file -d 'Read the password from the only line of a file that nobody else can read; without it, from the one that STANDPIPE_PASSWORD_FILE names, if that is set' -r -F
complete -c standpipe -n "__fish_standpipe_using_subcommand call" -l password-env -d 'Read the password from this environment variable instead of STANDPIPE_PASSWORD' -r
complete -c standpipe -n "__fish_standpipe_using_subcommand call" -l nt-hash-file -d 'Read the NT hash of the password, 32 hexadecimal digits, from the only line of a file that nobody else can read' -r -F
complete -c standpipe -n "__fish_standpipe_using_subcommand call" -l nt-hash-env -d 'Read the NT hash from this environment variable instead of STANDPIPE_NT_HASH' -r
complete -c standpipe -n "__fish_standpipe_using_subcommand call" -l mode -d 'What the pipe carries: `message`, so that the request is one, or `byte`, so that it may be of any length; without it, whatever the pipe carries' -r
complete -c standpipe -n "__fish_standpipe_using_subcommand call" -l until -d 'Where the reply ends; without it, with the first message of a pipe of messages, and when a pipe of bytes falls quiet' -r -f -a "message\t'With the first message, which only a pipe of messages has'
quiet\t'When nothing has come for `--quiet-time` after something came, or the service closes the pipe'
end\t'When the service closes the pipe'"
complete -c standpipe -n "__fish_standpipe_using_subcommand call" -l quiet-time -d 'How long nothing more has to come until the pipe counts as quiet' -r
complete -c standpipe -n "__fish_standpipe_using_subcommand call" -l output -d 'Write the reply into a file, which is made or replaced once the reply is there' -r -F
complete -c standpipe -n "__fish_standpipe_using_subcommand call" -l timeout -d 'How long to wait for the connection and the log-on, for a busy pipe, and for the reply, each' -r
complete -c standpipe -n "__fish_standpipe_using_subcommand call" -l log -d 'Which log lines to write to stderr: a level, or a filter such as `info,standpipe_server=debug`' -r
complete -c standpipe -n "__fish_standpipe_using_subcommand call" -l log-format -d 'How log lines are written' -r -f -a "human\t'For people'
json\t'One JSON object on each line'"
complete -c standpipe -n "__fish_standpipe_using_subcommand call" -l color -d 'When to use colours; `auto` means on a terminal, unless `NO_COLOR` is set' -r -f -a "auto\t'On a terminal'
always\t'Everywhere'
never\t'Nowhere'"
complete -c standpipe -n "__fish_standpipe_using_subcommand call" -l raw -d 'Send and print bytes as they are: no NUL is added to the request or taken from the reply, and no line end added'
complete -c standpipe -n "__fish_standpipe_using_subcommand call" -l hex -d 'Take the request as hexadecimal digits, with or without spaces, and print the reply so; nothing is added to it'
complete -c standpipe -n "__fish_standpipe_using_subcommand call" -l one-message -d 'The same as `--until message`'
complete -c standpipe -n "__fish_standpipe_using_subcommand call" -l encrypt -d 'Encrypt everything after the log-on, and call no server that cannot; without it, only servers that ask for it'
complete -c standpipe -n "__fish_standpipe_using_subcommand call" -l json -d 'Print the reply as JSON'
complete -c standpipe -n "__fish_standpipe_using_subcommand call" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c standpipe -n "__fish_standpipe_using_subcommand call" -s V -l version -d 'Print version'
complete -c standpipe -n "__fish_standpipe_using_subcommand connect" -l local -d 'The local pipe\'s name; without it, that of the remote one' -r
complete -c standpipe -n "__fish_standpipe_using_subcommand connect" -l folder -d 'The folder to offer it in, which is made when it is missing; without it, `STANDPIPE_PIPES`, or this user\'s own' -r -F
complete -c standpipe -n "__fish_standpipe_using_subcommand connect" -l mode -d 'What the pipe carries: `message` or `byte`' -r
complete -c standpipe -n "__fish_standpipe_using_subcommand connect" -s u -l user -d 'The user that logs on: an account of the server, or DOMAIN\\user' -r
complete -c standpipe -n "__fish_standpipe_using_subcommand connect" -l password-file -d 'Read the password from the only line of a file that nobody else can read; without it, from the one that STANDPIPE_PASSWORD_FILE names, if that is set' -r -F
complete -c standpipe -n "__fish_standpipe_using_subcommand connect" -l password-env -d 'Read the password from this environment variable instead of STANDPIPE_PASSWORD' -r
complete -c standpipe -n "__fish_standpipe_using_subcommand connect" -l nt-hash-file -d 'Read the NT hash of the password, 32 hexadecimal digits, from the only line of a file that nobody else can read' -r -F
complete -c standpipe -n "__fish_standpipe_using_subcommand connect" -l nt-hash-env -d 'Read the NT hash from this environment variable instead of STANDPIPE_NT_HASH' -r
complete -c standpipe -n "__fish_standpipe_using_subcommand connect" -l max-connections -d 'Local connections at a time; more wait until one ends' -r
complete -c standpipe -n "__fish_standpipe_using_subcommand connect" -l timeout -d 'How long to wait for the server and the log-on, and for a pipe that is busy, each' -r
complete -c standpipe -n "__fish_standpipe_using_subcommand connect" -l log -d 'Which log lines to write to stderr: a level, or a filter such as `info,standpipe_server=debug`' -r
complete -c standpipe -n "__fish_standpipe_using_subcommand connect" -l log-format -d 'How log lines are written' -r -f -a "human\t'For people'
json\t'One JSON object on each line'"
complete -c standpipe -n "__fish_standpipe_using_subcommand connect" -l color -d 'When to use colours; `auto` means on a terminal, unless `NO_COLOR` is set' -r -f -a "auto\t'On a terminal'
always\t'Everywhere'
never\t'Nowhere'"
complete -c standpipe -n "__fish_standpipe_using_subcommand connect" -l dotnet -d 'Offer it where programs on .NET look: as `CoreFxPipe_NAME` in the folder for temporary files, in byte mode'
complete -c standpipe -n "__fish_standpipe_using_subcommand connect" -l encrypt -d 'Encrypt everything after the log-on, and use no server that cannot; without it, only for servers that ask for it'
complete -c standpipe -n "__fish_standpipe_using_subcommand connect" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c standpipe -n "__fish_standpipe_using_subcommand connect" -s V -l version -d 'Print version'
complete -c standpipe -n "__fish_standpipe_using_subcommand bench" -s u -l user -d 'The user that logs on: an account of the server, or DOMAIN\\user' -r
complete -c standpipe -n "__fish_standpipe_using_subcommand bench" -l password-file -d 'Read the password from the only line of a file that nobody else can read; without it, from the one that STANDPIPE_PASSWORD_FILE names, if that is set' -r -F
complete -c standpipe -n "__fish_standpipe_using_subcommand bench" -l password-env -d 'Read the password from this environment variable instead of STANDPIPE_PASSWORD' -r
complete -c standpipe -n "__fish_standpipe_using_subcommand bench" -l nt-hash-file -d 'Read the NT hash of the password, 32 hexadecimal digits, from the only line of a file that nobody else can read' -r -F
complete -c standpipe -n "__fish_standpipe_using_subcommand bench" -l nt-hash-env -d 'Read the NT hash from this environment variable instead of STANDPIPE_NT_HASH' -r
complete -c standpipe -n "__fish_standpipe_using_subcommand bench" -l workload -d 'What one call is' -r -f -a "transceive\t'A request and its reply in one round trip, on a pipe that stays open; for pipes of messages'
call\t'Open the pipe, write, read, close: four round trips'
log-on\t'Connect, log on, log off'
idle\t'Nothing: open a pipe on each connection, wait, and make one call at the end'"
complete -c standpipe -n "__fish_standpipe_using_subcommand bench" -l connections -d 'How many connections' -r
complete -c standpipe -n "__fish_standpipe_using_subcommand bench" -l callers -d 'How many calls at a time on each connection, each on a pipe of its own' -r
complete -c standpipe -n "__fish_standpipe_using_subcommand bench" -l size -d 'How many bytes each request has' -r
complete -c standpipe -n "__fish_standpipe_using_subcommand bench" -l expect -d 'What the service\'s reply must be' -r -f -a "same\t'The request\'s bytes'
reversed\t'The request, a text that ends with a NUL, backwards and without the NUL'
anything\t'Anything'"
complete -c standpipe -n "__fish_standpipe_using_subcommand bench" -l duration -d 'How long to measure; `idle` connections are left alone for so long' -r
complete -c standpipe -n "__fish_standpipe_using_subcommand bench" -l warm-up -d 'How long to call before measuring begins' -r
complete -c standpipe -n "__fish_standpipe_using_subcommand bench" -l threads -d 'How many threads call; by default as many as there are processors' -r
complete -c standpipe -n "__fish_standpipe_using_subcommand bench" -l signing -d 'Offer only this way to sign; without it, whatever both sides can, the fastest first' -r -f -a "gmac\t'AES-128-GMAC'
cmac\t'AES-128-CMAC'
hmac\t'HMAC-SHA256'"
complete -c standpipe -n "__fish_standpipe_using_subcommand bench" -l from -d 'An address of this machine to connect from; several are used in turn' -r
complete -c standpipe -n "__fish_standpipe_using_subcommand bench" -l server-pid -d 'The server\'s process on this machine: say what CPU time and memory it uses, with its children of the same program' -r
complete -c standpipe -n "__fish_standpipe_using_subcommand bench" -l timeout -d 'How long connecting and logging on may take' -r
complete -c standpipe -n "__fish_standpipe_using_subcommand bench" -l log -d 'Which log lines to write to stderr: a level, or a filter such as `info,standpipe_server=debug`' -r
complete -c standpipe -n "__fish_standpipe_using_subcommand bench" -l log-format -d 'How log lines are written' -r -f -a "human\t'For people'
json\t'One JSON object on each line'"
complete -c standpipe -n "__fish_standpipe_using_subcommand bench" -l color -d 'When to use colours; `auto` means on a terminal, unless `NO_COLOR` is set' -r -f -a "auto\t'On a terminal'
always\t'Everywhere'
never\t'Nowhere'"
complete -c standpipe -n "__fish_standpipe_using_subcommand bench" -l encrypt -d 'Encrypt everything after the log-on instead of signing it'
complete -c standpipe -n "__fish_standpipe_using_subcommand bench" -l json -d 'Print the result as JSON'
complete -c standpipe -n "__fish_standpipe_using_subcommand bench" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c standpipe -n "__fish_standpipe_using_subcommand bench" -s V -l version -d 'Print version'
complete -c standpipe -n "__fish_standpipe_using_subcommand account; and not __fish_seen_subcommand_from add remove list passwd enable disable" -l log -d 'Which log lines to write to stderr: a level, or a filter such as `info,standpipe_server=debug`' -r
complete -c standpipe -n "__fish_standpipe_using_subcommand account; and not __fish_seen_subcommand_from add remove list passwd enable disable" -l log-format -d 'How log lines are written' -r -f -a "human\t'For people'
json\t'One JSON object on each line'"
complete -c standpipe -n "__fish_standpipe_using_subcommand account; and not __fish_seen_subcommand_from add remove list passwd enable disable" -l color -d 'When to use colours; `auto` means on a terminal, unless `NO_COLOR` is set' -r -f -a "auto\t'On a terminal'
always\t'Everywhere'
never\t'Nowhere'"
complete -c standpipe -n "__fish_standpipe_using_subcommand account; and not __fish_seen_subcommand_from add remove list passwd enable disable" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c standpipe -n "__fish_standpipe_using_subcommand account; and not __fish_seen_subcommand_from add remove list passwd enable disable" -s V -l version -d 'Print version'
complete -c standpipe -n "__fish_standpipe_using_subcommand account; and not __fish_seen_subcommand_from add remove list passwd enable disable" -f -a "add" -d 'Add an account'
complete -c standpipe -n "__fish_standpipe_using_subcommand account; and not __fish_seen_subcommand_from add remove list passwd enable disable" -f -a "remove" -d 'Remove an account; its SID is not given to another'
complete -c standpipe -n "__fish_standpipe_using_subcommand account; and not __fish_seen_subcommand_from add remove list passwd enable disable" -f -a "list" -d 'Show the accounts'
complete -c standpipe -n "__fish_standpipe_using_subcommand account; and not __fish_seen_subcommand_from add remove list passwd enable disable" -f -a "passwd" -d 'Change an account\'s password'
complete -c standpipe -n "__fish_standpipe_using_subcommand account; and not __fish_seen_subcommand_from add remove list passwd enable disable" -f -a "enable" -d 'Let an account log on again'
complete -c standpipe -n "__fish_standpipe_using_subcommand account; and not __fish_seen_subcommand_from add remove list passwd enable disable" -f -a "disable" -d 'Keep an account from logging on'
complete -c standpipe -n "__fish_standpipe_using_subcommand account; and __fish_seen_subcommand_from add" -l file -d 'The account file; a startup task of an instance need not say it' -r -F
complete -c standpipe -n "__fish_standpipe_using_subcommand account; and __fish_seen_subcommand_from add" -l groups -d 'The groups it is a member of: Users, Administrators, Guests, or SIDs' -r
complete -c standpipe -n "__fish_standpipe_using_subcommand account; and __fish_seen_subcommand_from add" -l password-file -d 'Read the password from the only line of a file that nobody else can read; without it, from the one that STANDPIPE_PASSWORD_FILE names, if that is set' -r -F
complete -c standpipe -n "__fish_standpipe_using_subcommand account; and __fish_seen_subcommand_from add" -l password-env -d 'Read the password from this environment variable instead of STANDPIPE_PASSWORD' -r
complete -c standpipe -n "__fish_standpipe_using_subcommand account; and __fish_seen_subcommand_from add" -l log -d 'Which log lines to write to stderr: a level, or a filter such as `info,standpipe_server=debug`' -r
complete -c standpipe -n "__fish_standpipe_using_subcommand account; and __fish_seen_subcommand_from add" -l log-format -d 'How log lines are written' -r -f -a "human\t'For people'
json\t'One JSON object on each line'"
complete -c standpipe -n "__fish_standpipe_using_subcommand account; and __fish_seen_subcommand_from add" -l color -d 'When to use colours; `auto` means on a terminal, unless `NO_COLOR` is set' -r -f -a "auto\t'On a terminal'
always\t'Everywhere'
never\t'Nowhere'"
complete -c standpipe -n "__fish_standpipe_using_subcommand account; and __fish_seen_subcommand_from add" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c standpipe -n "__fish_standpipe_using_subcommand account; and __fish_seen_subcommand_from add" -s V -l version -d 'Print version'
complete -c standpipe -n "__fish_standpipe_using_subcommand account; and __fish_seen_subcommand_from remove" -l file -d 'The account file; a startup task of an instance need not say it' -r -F
complete -c standpipe -n "__fish_standpipe_using_subcommand account; and __fish_seen_subcommand_from remove" -l log -d 'Which log lines to write to stderr: a level, or a filter such as `info,standpipe_server=debug`' -r
complete -c standpipe -n "__fish_standpipe_using_subcommand account; and __fish_seen_subcommand_from remove" -l log-format -d 'How log lines are written' -r -f -a "human\t'For people'
json\t'One JSON object on each line'"
complete -c standpipe -n "__fish_standpipe_using_subcommand account; and __fish_seen_subcommand_from remove" -l color -d 'When to use colours; `auto` means on a terminal, unless `NO_COLOR` is set' -r -f -a "auto\t'On a terminal'
always\t'Everywhere'
never\t'Nowhere'"
complete -c standpipe -n "__fish_standpipe_using_subcommand account; and __fish_seen_subcommand_from remove" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c standpipe -n "__fish_standpipe_using_subcommand account; and __fish_seen_subcommand_from remove" -s V -l version -d 'Print version'
complete -c standpipe -n "__fish_standpipe_using_subcommand account; and __fish_seen_subcommand_from list" -l file -d 'The account file; a startup task of an instance need not say it' -r -F
complete -c standpipe -n "__fish_standpipe_using_subcommand account; and __fish_seen_subcommand_from list" -l log -d 'Which log lines to write to stderr: a level, or a filter such as `info,standpipe_server=debug`' -r
complete -c standpipe -n "__fish_standpipe_using_subcommand account; and __fish_seen_subcommand_from list" -l log-format -d 'How log lines are written' -r -f -a "human\t'For people'
json\t'One JSON object on each line'"
complete -c standpipe -n "__fish_standpipe_using_subcommand account; and __fish_seen_subcommand_from list" -l color -d 'When to use colours; `auto` means on a terminal, unless `NO_COLOR` is set' -r -f -a "auto\t'On a terminal'
always\t'Everywhere'
never\t'Nowhere'"
complete -c standpipe -n "__fish_standpipe_using_subcommand account; and __fish_seen_subcommand_from list" -l json -d 'As JSON'
complete -c standpipe -n "__fish_standpipe_using_subcommand account; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c standpipe -n "__fish_standpipe_using_subcommand account; and __fish_seen_subcommand_from list" -s V -l version -d 'Print version'
complete -c standpipe -n "__fish_standpipe_using_subcommand account; and __fish_seen_subcommand_from passwd" -l file -d 'The account file; a startup task of an instance need not say it' -r -F
complete -c standpipe -n "__fish_standpipe_using_subcommand account; and __fish_seen_subcommand_from passwd" -l password-file -d 'Read the password from the only line of a file that nobody else can read; without it, from the one that STANDPIPE_PASSWORD_FILE names, if that is set' -r -F
complete -c standpipe -n "__fish_standpipe_using_subcommand account; and __fish_seen_subcommand_from passwd" -l password-env -d 'Read the password from this environment variable instead of STANDPIPE_PASSWORD' -r
complete -c standpipe -n "__fish_standpipe_using_subcommand account; and __fish_seen_subcommand_from passwd" -l log -d 'Which log lines to write to stderr: a level, or a filter such as `info,standpipe_server=debug`' -r
complete -c standpipe -n "__fish_standpipe_using_subcommand account; and __fish_seen_subcommand_from passwd" -l log-format -d 'How log lines are written' -r -f -a "human\t'For people'
json\t'One JSON object on each line'"
complete -c standpipe -n "__fish_standpipe_using_subcommand account; and __fish_seen_subcommand_from passwd" -l color -d 'When to use colours; `auto` means on a terminal, unless `NO_COLOR` is set' -r -f -a "auto\t'On a terminal'
always\t'Everywhere'
never\t'Nowhere'"
complete -c standpipe -n "__fish_standpipe_using_subcommand account; and __fish_seen_subcommand_from passwd" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c standpipe -n "__fish_standpipe_using_subcommand account; and __fish_seen_subcommand_from passwd" -s V -l version -d 'Print version'
complete -c standpipe -n "__fish_standpipe_using_subcommand account; and __fish_seen_subcommand_from enable" -l file -d 'The account file; a startup task of an instance need not say it' -r -F
complete -c standpipe -n "__fish_standpipe_using_subcommand account; and __fish_seen_subcommand_from enable" -l log -d 'Which log lines to write to stderr: a level, or a filter such as `info,standpipe_server=debug`' -r
complete -c standpipe -n "__fish_standpipe_using_subcommand account; and __fish_seen_subcommand_from enable" -l log-format -d 'How log lines are written' -r -f -a "human\t'For people'
json\t'One JSON object on each line'"
complete -c standpipe -n "__fish_standpipe_using_subcommand account; and __fish_seen_subcommand_from enable" -l color -d 'When to use colours; `auto` means on a terminal, unless `NO_COLOR` is set' -r -f -a "auto\t'On a terminal'
always\t'Everywhere'
never\t'Nowhere'"
complete -c standpipe -n "__fish_standpipe_using_subcommand account; and __fish_seen_subcommand_from enable" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c standpipe -n "__fish_standpipe_using_subcommand account; and __fish_seen_subcommand_from enable" -s V -l version -d 'Print version'
complete -c standpipe -n "__fish_standpipe_using_subcommand account; and __fish_seen_subcommand_from disable" -l file -d 'The account file; a startup task of an instance need not say it' -r -F
complete -c standpipe -n "__fish_standpipe_using_subcommand account; and __fish_seen_subcommand_from disable" -l log -d 'Which log lines to write to stderr: a level, or a filter such as `info,standpipe_server=debug`' -r
complete -c standpipe -n "__fish_standpipe_using_subcommand account; and __fish_seen_subcommand_from disable" -l log-format -d 'How log lines are written' -r -f -a "human\t'For people'
json\t'One JSON object on each line'"
complete -c standpipe -n "__fish_standpipe_using_subcommand account; and __fish_seen_subcommand_from disable" -l color -d 'When to use colours; `auto` means on a terminal, unless `NO_COLOR` is set' -r -f -a "auto\t'On a terminal'
always\t'Everywhere'
never\t'Nowhere'"
complete -c standpipe -n "__fish_standpipe_using_subcommand account; and __fish_seen_subcommand_from disable" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c standpipe -n "__fish_standpipe_using_subcommand account; and __fish_seen_subcommand_from disable" -s V -l version -d 'Print version'
complete -c standpipe -n "__fish_standpipe_using_subcommand sddl; and not __fish_seen_subcommand_from explain check" -l log -d 'Which log lines to write to stderr: a level, or a filter such as `info,standpipe_server=debug`' -r
complete -c standpipe -n "__fish_standpipe_using_subcommand sddl; and not __fish_seen_subcommand_from explain check" -l log-format -d 'How log lines are written' -r -f -a "human\t'For people'
json\t'One JSON object on each line'"
complete -c standpipe -n "__fish_standpipe_using_subcommand sddl; and not __fish_seen_subcommand_from explain check" -l color -d 'When to use colours; `auto` means on a terminal, unless `NO_COLOR` is set' -r -f -a "auto\t'On a terminal'
always\t'Everywhere'
never\t'Nowhere'"
complete -c standpipe -n "__fish_standpipe_using_subcommand sddl; and not __fish_seen_subcommand_from explain check" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c standpipe -n "__fish_standpipe_using_subcommand sddl; and not __fish_seen_subcommand_from explain check" -s V -l version -d 'Print version'
complete -c standpipe -n "__fish_standpipe_using_subcommand sddl; and not __fish_seen_subcommand_from explain check" -f -a "explain" -d 'Say in words what a security descriptor means for a pipe'
complete -c standpipe -n "__fish_standpipe_using_subcommand sddl; and not __fish_seen_subcommand_from explain check" -f -a "check" -d 'Say whether an account may open a pipe, and which entry decides'
complete -c standpipe -n "__fish_standpipe_using_subcommand sddl; and __fish_seen_subcommand_from explain" -l log -d 'Which log lines to write to stderr: a level, or a filter such as `info,standpipe_server=debug`' -r
complete -c standpipe -n "__fish_standpipe_using_subcommand sddl; and __fish_seen_subcommand_from explain" -l log-format -d 'How log lines are written' -r -f -a "human\t'For people'
json\t'One JSON object on each line'"
complete -c standpipe -n "__fish_standpipe_using_subcommand sddl; and __fish_seen_subcommand_from explain" -l color -d 'When to use colours; `auto` means on a terminal, unless `NO_COLOR` is set' -r -f -a "auto\t'On a terminal'
always\t'Everywhere'
never\t'Nowhere'"
complete -c standpipe -n "__fish_standpipe_using_subcommand sddl; and __fish_seen_subcommand_from explain" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c standpipe -n "__fish_standpipe_using_subcommand sddl; and __fish_seen_subcommand_from explain" -s V -l version -d 'Print version'
complete -c standpipe -n "__fish_standpipe_using_subcommand sddl; and __fish_seen_subcommand_from check" -l user -d 'The account that opens the pipe; without --accounts, one made up for the question' -r
complete -c standpipe -n "__fish_standpipe_using_subcommand sddl; and __fish_seen_subcommand_from check" -l groups -d 'What the made-up account is a member of: Users, Administrators, Guests, or SIDs' -r
complete -c standpipe -n "__fish_standpipe_using_subcommand sddl; and __fish_seen_subcommand_from check" -l accounts -d 'The file to find the account in' -r -F
complete -c standpipe -n "__fish_standpipe_using_subcommand sddl; and __fish_seen_subcommand_from check" -l access -d 'What the caller asks for: read, write, readwrite, all, maximum, or a mask such as 0x12019f' -r
complete -c standpipe -n "__fish_standpipe_using_subcommand sddl; and __fish_seen_subcommand_from check" -l log -d 'Which log lines to write to stderr: a level, or a filter such as `info,standpipe_server=debug`' -r
complete -c standpipe -n "__fish_standpipe_using_subcommand sddl; and __fish_seen_subcommand_from check" -l log-format -d 'How log lines are written' -r -f -a "human\t'For people'
json\t'One JSON object on each line'"
complete -c standpipe -n "__fish_standpipe_using_subcommand sddl; and __fish_seen_subcommand_from check" -l color -d 'When to use colours; `auto` means on a terminal, unless `NO_COLOR` is set' -r -f -a "auto\t'On a terminal'
always\t'Everywhere'
never\t'Nowhere'"
complete -c standpipe -n "__fish_standpipe_using_subcommand sddl; and __fish_seen_subcommand_from check" -l anonymous -d 'A caller that did not log on'
complete -c standpipe -n "__fish_standpipe_using_subcommand sddl; and __fish_seen_subcommand_from check" -l full-administrators -d 'Administrators count as such, as with `filter-administrators = false` in the deployment file'
complete -c standpipe -n "__fish_standpipe_using_subcommand sddl; and __fish_seen_subcommand_from check" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c standpipe -n "__fish_standpipe_using_subcommand sddl; and __fish_seen_subcommand_from check" -s V -l version -d 'Print version'
complete -c standpipe -n "__fish_standpipe_using_subcommand service; and not __fish_seen_subcommand_from install remove start stop status" -l log -d 'Which log lines to write to stderr: a level, or a filter such as `info,standpipe_server=debug`' -r
complete -c standpipe -n "__fish_standpipe_using_subcommand service; and not __fish_seen_subcommand_from install remove start stop status" -l log-format -d 'How log lines are written' -r -f -a "human\t'For people'
json\t'One JSON object on each line'"
complete -c standpipe -n "__fish_standpipe_using_subcommand service; and not __fish_seen_subcommand_from install remove start stop status" -l color -d 'When to use colours; `auto` means on a terminal, unless `NO_COLOR` is set' -r -f -a "auto\t'On a terminal'
always\t'Everywhere'
never\t'Nowhere'"
complete -c standpipe -n "__fish_standpipe_using_subcommand service; and not __fish_seen_subcommand_from install remove start stop status" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c standpipe -n "__fish_standpipe_using_subcommand service; and not __fish_seen_subcommand_from install remove start stop status" -s V -l version -d 'Print version'
complete -c standpipe -n "__fish_standpipe_using_subcommand service; and not __fish_seen_subcommand_from install remove start stop status" -f -a "install" -d 'Install a service, or change the settings of one that is installed'
complete -c standpipe -n "__fish_standpipe_using_subcommand service; and not __fish_seen_subcommand_from install remove start stop status" -f -a "remove" -d 'Stop a service and remove it'
complete -c standpipe -n "__fish_standpipe_using_subcommand service; and not __fish_seen_subcommand_from install remove start stop status" -f -a "start" -d 'Start a service and wait until it runs'
complete -c standpipe -n "__fish_standpipe_using_subcommand service; and not __fish_seen_subcommand_from install remove start stop status" -f -a "stop" -d 'Stop a service and wait until it is stopped'
complete -c standpipe -n "__fish_standpipe_using_subcommand service; and not __fish_seen_subcommand_from install remove start stop status" -f -a "status" -d 'Show a service: what it is doing, and its settings'
complete -c standpipe -n "__fish_standpipe_using_subcommand service; and __fish_seen_subcommand_from install" -l timeout -d 'How long to wait until it is done' -r
complete -c standpipe -n "__fish_standpipe_using_subcommand service; and __fish_seen_subcommand_from install" -l display-name -d 'The name that people see; otherwise the service\'s name' -r
complete -c standpipe -n "__fish_standpipe_using_subcommand service; and __fish_seen_subcommand_from install" -l description -d 'What the service is, in words' -r
complete -c standpipe -n "__fish_standpipe_using_subcommand service; and __fish_seen_subcommand_from install" -l start -d 'When Windows starts it by itself' -r -f -a "auto\t'When the system starts'
manual\t'Never'
disabled\t'Never, and nobody can start it'"
complete -c standpipe -n "__fish_standpipe_using_subcommand service; and __fish_seen_subcommand_from install" -l depends-on -d 'A service that has to run before this one; may be given several times' -r
complete -c standpipe -n "__fish_standpipe_using_subcommand service; and __fish_seen_subcommand_from install" -l user -d 'The account that it runs as, such as `LocalService`, `CORP\\svc` or `svc` of this machine' -r
complete -c standpipe -n "__fish_standpipe_using_subcommand service; and __fish_seen_subcommand_from install" -l password-file -d 'Read the account\'s password from the only line of a file that nobody else can read' -r -F
complete -c standpipe -n "__fish_standpipe_using_subcommand service; and __fish_seen_subcommand_from install" -l log -d 'Which log lines to write to stderr: a level, or a filter such as `info,standpipe_server=debug`' -r
complete -c standpipe -n "__fish_standpipe_using_subcommand service; and __fish_seen_subcommand_from install" -l log-format -d 'How log lines are written' -r -f -a "human\t'For people'
json\t'One JSON object on each line'"
complete -c standpipe -n "__fish_standpipe_using_subcommand service; and __fish_seen_subcommand_from install" -l color -d 'When to use colours; `auto` means on a terminal, unless `NO_COLOR` is set' -r -f -a "auto\t'On a terminal'
always\t'Everywhere'
never\t'Nowhere'"
complete -c standpipe -n "__fish_standpipe_using_subcommand service; and __fish_seen_subcommand_from install" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c standpipe -n "__fish_standpipe_using_subcommand service; and __fish_seen_subcommand_from install" -s V -l version -d 'Print version'
complete -c standpipe -n "__fish_standpipe_using_subcommand service; and __fish_seen_subcommand_from remove" -l timeout -d 'How long to wait until it is done' -r
complete -c standpipe -n "__fish_standpipe_using_subcommand service; and __fish_seen_subcommand_from remove" -l log -d 'Which log lines to write to stderr: a level, or a filter such as `info,standpipe_server=debug`' -r
complete -c standpipe -n "__fish_standpipe_using_subcommand service; and __fish_seen_subcommand_from remove" -l log-format -d 'How log lines are written' -r -f -a "human\t'For people'
json\t'One JSON object on each line'"
complete -c standpipe -n "__fish_standpipe_using_subcommand service; and __fish_seen_subcommand_from remove" -l color -d 'When to use colours; `auto` means on a terminal, unless `NO_COLOR` is set' -r -f -a "auto\t'On a terminal'
always\t'Everywhere'
never\t'Nowhere'"
complete -c standpipe -n "__fish_standpipe_using_subcommand service; and __fish_seen_subcommand_from remove" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c standpipe -n "__fish_standpipe_using_subcommand service; and __fish_seen_subcommand_from remove" -s V -l version -d 'Print version'
complete -c standpipe -n "__fish_standpipe_using_subcommand service; and __fish_seen_subcommand_from start" -l timeout -d 'How long to wait until it is done' -r
complete -c standpipe -n "__fish_standpipe_using_subcommand service; and __fish_seen_subcommand_from start" -l log -d 'Which log lines to write to stderr: a level, or a filter such as `info,standpipe_server=debug`' -r
complete -c standpipe -n "__fish_standpipe_using_subcommand service; and __fish_seen_subcommand_from start" -l log-format -d 'How log lines are written' -r -f -a "human\t'For people'
json\t'One JSON object on each line'"
complete -c standpipe -n "__fish_standpipe_using_subcommand service; and __fish_seen_subcommand_from start" -l color -d 'When to use colours; `auto` means on a terminal, unless `NO_COLOR` is set' -r -f -a "auto\t'On a terminal'
always\t'Everywhere'
never\t'Nowhere'"
complete -c standpipe -n "__fish_standpipe_using_subcommand service; and __fish_seen_subcommand_from start" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c standpipe -n "__fish_standpipe_using_subcommand service; and __fish_seen_subcommand_from start" -s V -l version -d 'Print version'
complete -c standpipe -n "__fish_standpipe_using_subcommand service; and __fish_seen_subcommand_from stop" -l timeout -d 'How long to wait until it is done' -r
complete -c standpipe -n "__fish_standpipe_using_subcommand service; and __fish_seen_subcommand_from stop" -l log -d 'Which log lines to write to stderr: a level, or a filter such as `info,standpipe_server=debug`' -r
complete -c standpipe -n "__fish_standpipe_using_subcommand service; and __fish_seen_subcommand_from stop" -l log-format -d 'How log lines are written' -r -f -a "human\t'For people'
json\t'One JSON object on each line'"
complete -c standpipe -n "__fish_standpipe_using_subcommand service; and __fish_seen_subcommand_from stop" -l color -d 'When to use colours; `auto` means on a terminal, unless `NO_COLOR` is set' -r -f -a "auto\t'On a terminal'
always\t'Everywhere'
never\t'Nowhere'"
complete -c standpipe -n "__fish_standpipe_using_subcommand service; and __fish_seen_subcommand_from stop" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c standpipe -n "__fish_standpipe_using_subcommand service; and __fish_seen_subcommand_from stop" -s V -l version -d 'Print version'
complete -c standpipe -n "__fish_standpipe_using_subcommand service; and __fish_seen_subcommand_from status" -l log -d 'Which log lines to write to stderr: a level, or a filter such as `info,standpipe_server=debug`' -r
complete -c standpipe -n "__fish_standpipe_using_subcommand service; and __fish_seen_subcommand_from status" -l log-format -d 'How log lines are written' -r -f -a "human\t'For people'
json\t'One JSON object on each line'"
complete -c standpipe -n "__fish_standpipe_using_subcommand service; and __fish_seen_subcommand_from status" -l color -d 'When to use colours; `auto` means on a terminal, unless `NO_COLOR` is set' -r -f -a "auto\t'On a terminal'
always\t'Everywhere'
never\t'Nowhere'"
complete -c standpipe -n "__fish_standpipe_using_subcommand service; and __fish_seen_subcommand_from status" -l json -d 'As JSON'
complete -c standpipe -n "__fish_standpipe_using_subcommand service; and __fish_seen_subcommand_from status" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c standpipe -n "__fish_standpipe_using_subcommand service; and __fish_seen_subcommand_from status" -s V -l version -d 'Print version'
complete -c standpipe -n "__fish_standpipe_using_subcommand check" -s f -l file -d 'The deployment file' -r -F
complete -c standpipe -n "__fish_standpipe_using_subcommand check" -l log -d 'Which log lines to write to stderr: a level, or a filter such as `info,standpipe_server=debug`' -r
complete -c standpipe -n "__fish_standpipe_using_subcommand check" -l log-format -d 'How log lines are written' -r -f -a "human\t'For people'
json\t'One JSON object on each line'"
complete -c standpipe -n "__fish_standpipe_using_subcommand check" -l color -d 'When to use colours; `auto` means on a terminal, unless `NO_COLOR` is set' -r -f -a "auto\t'On a terminal'
always\t'Everywhere'
never\t'Nowhere'"
complete -c standpipe -n "__fish_standpipe_using_subcommand check" -l here -d 'Also look at this machine: whether passwords can be read, ports are free'
complete -c standpipe -n "__fish_standpipe_using_subcommand check" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c standpipe -n "__fish_standpipe_using_subcommand check" -s V -l version -d 'Print version'
complete -c standpipe -n "__fish_standpipe_using_subcommand doctor" -s f -l file -d 'The deployment file; without it, `standpipe.toml` if there is one, and otherwise only the machine is looked at' -r -F
complete -c standpipe -n "__fish_standpipe_using_subcommand doctor" -l role -d 'Only for one instance of this role, as `run` would start it' -r
complete -c standpipe -n "__fish_standpipe_using_subcommand doctor" -l instance -d 'The instance\'s number, or a name that ends with `-` and that number' -r
complete -c standpipe -n "__fish_standpipe_using_subcommand doctor" -l address -d 'The address that the instance would listen on, as for `run`' -r
complete -c standpipe -n "__fish_standpipe_using_subcommand doctor" -l stop-limit -d 'How long the platform waits for the end once it has asked for it; without it, what this machine shows of that: Windows its settings, a container the default of Docker or Kubernetes' -r
complete -c standpipe -n "__fish_standpipe_using_subcommand doctor" -l state-dir -d 'The folder that the deployment would keep its state in, where it is not the usual one' -r -F
complete -c standpipe -n "__fish_standpipe_using_subcommand doctor" -l log -d 'Which log lines to write to stderr: a level, or a filter such as `info,standpipe_server=debug`' -r
complete -c standpipe -n "__fish_standpipe_using_subcommand doctor" -l log-format -d 'How log lines are written' -r -f -a "human\t'For people'
json\t'One JSON object on each line'"
complete -c standpipe -n "__fish_standpipe_using_subcommand doctor" -l color -d 'When to use colours; `auto` means on a terminal, unless `NO_COLOR` is set' -r -f -a "auto\t'On a terminal'
always\t'Everywhere'
never\t'Nowhere'"
complete -c standpipe -n "__fish_standpipe_using_subcommand doctor" -l json -d 'As JSON'
complete -c standpipe -n "__fish_standpipe_using_subcommand doctor" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c standpipe -n "__fish_standpipe_using_subcommand doctor" -s V -l version -d 'Print version'
complete -c standpipe -n "__fish_standpipe_using_subcommand pack" -s f -l file -d 'The deployment file' -r -F
complete -c standpipe -n "__fish_standpipe_using_subcommand pack" -s o -l output -d 'The pack to write; without it, the deployment\'s name with `.pack`, in the current folder' -r -F
complete -c standpipe -n "__fish_standpipe_using_subcommand pack" -l role -d 'Only the files of this role. May be given several times' -r
complete -c standpipe -n "__fish_standpipe_using_subcommand pack" -l system -d 'The system that the deployment is for; without it, this one' -r -f -a "linux\t'Linux'
windows\t'Windows'"
complete -c standpipe -n "__fish_standpipe_using_subcommand pack" -l log -d 'Which log lines to write to stderr: a level, or a filter such as `info,standpipe_server=debug`' -r
complete -c standpipe -n "__fish_standpipe_using_subcommand pack" -l log-format -d 'How log lines are written' -r -f -a "human\t'For people'
json\t'One JSON object on each line'"
complete -c standpipe -n "__fish_standpipe_using_subcommand pack" -l color -d 'When to use colours; `auto` means on a terminal, unless `NO_COLOR` is set' -r -f -a "auto\t'On a terminal'
always\t'Everywhere'
never\t'Nowhere'"
complete -c standpipe -n "__fish_standpipe_using_subcommand pack" -l force -d 'Write over a pack that is there already'
complete -c standpipe -n "__fish_standpipe_using_subcommand pack" -l json -d 'Print what is in the pack as JSON'
complete -c standpipe -n "__fish_standpipe_using_subcommand pack" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c standpipe -n "__fish_standpipe_using_subcommand pack" -s V -l version -d 'Print version'
complete -c standpipe -n "__fish_standpipe_using_subcommand unpack" -s o -l output -d 'The folder to make; without it, the pack\'s name without its ending, in the current folder' -r -F
complete -c standpipe -n "__fish_standpipe_using_subcommand unpack" -l role -d 'Only the files that this role needs. May be given several times' -r
complete -c standpipe -n "__fish_standpipe_using_subcommand unpack" -l sha256 -d 'The SHA-256 that the pack must have, as `standpipe pack` and `sha256sum` print it' -r
complete -c standpipe -n "__fish_standpipe_using_subcommand unpack" -l log -d 'Which log lines to write to stderr: a level, or a filter such as `info,standpipe_server=debug`' -r
complete -c standpipe -n "__fish_standpipe_using_subcommand unpack" -l log-format -d 'How log lines are written' -r -f -a "human\t'For people'
json\t'One JSON object on each line'"
complete -c standpipe -n "__fish_standpipe_using_subcommand unpack" -l color -d 'When to use colours; `auto` means on a terminal, unless `NO_COLOR` is set' -r -f -a "auto\t'On a terminal'
always\t'Everywhere'
never\t'Nowhere'"
complete -c standpipe -n "__fish_standpipe_using_subcommand unpack" -l list -d 'Show what is in the pack, and write nothing'
complete -c standpipe -n "__fish_standpipe_using_subcommand unpack" -l verify -d 'Check everything in the pack, and write nothing'
complete -c standpipe -n "__fish_standpipe_using_subcommand unpack" -l json -d 'Print what is in the pack as JSON'
complete -c standpipe -n "__fish_standpipe_using_subcommand unpack" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c standpipe -n "__fish_standpipe_using_subcommand unpack" -s V -l version -d 'Print version'
complete -c standpipe -n "__fish_standpipe_using_subcommand import" -s o -l output -d 'The deployment file to write; without it, standard output' -r -F
complete -c standpipe -n "__fish_standpipe_using_subcommand import" -l configuration -d 'Which configuration to take: `Cloud` for ServiceConfiguration.Cloud.cscfg. Without it, the first' -r
complete -c standpipe -n "__fish_standpipe_using_subcommand import" -l platform -d 'What will run: the programs of Windows, on Windows or in Wine, or programs of Linux in their place' -r -f -a "windows\t'The programs of Windows as they are: on Windows, and on Linux in Wine'
linux\t'Programs of Linux in their place'"
complete -c standpipe -n "__fish_standpipe_using_subcommand import" -l service -d 'What a role\'s code starts: the name of a Windows service, or on Linux the service\'s command' -r
complete -c standpipe -n "__fish_standpipe_using_subcommand import" -l pipe -d 'The named pipe that a role\'s service makes' -r
complete -c standpipe -n "__fish_standpipe_using_subcommand import" -l sddl -d 'Who may open that pipe: the security descriptor that the service gives it' -r
complete -c standpipe -n "__fish_standpipe_using_subcommand import" -l package -d 'Take the files of the roles from this package (.cspkg), and leave them beside the deployment file' -r -F
complete -c standpipe -n "__fish_standpipe_using_subcommand import" -l log -d 'Which log lines to write to stderr: a level, or a filter such as `info,standpipe_server=debug`' -r
complete -c standpipe -n "__fish_standpipe_using_subcommand import" -l log-format -d 'How log lines are written' -r -f -a "human\t'For people'
json\t'One JSON object on each line'"
complete -c standpipe -n "__fish_standpipe_using_subcommand import" -l color -d 'When to use colours; `auto` means on a terminal, unless `NO_COLOR` is set' -r -f -a "auto\t'On a terminal'
always\t'Everywhere'
never\t'Nowhere'"
complete -c standpipe -n "__fish_standpipe_using_subcommand import" -l force -d 'Write over a deployment file that is there already'
complete -c standpipe -n "__fish_standpipe_using_subcommand import" -l json -d 'Print the report as JSON on standard output; without --output, the deployment file is part of it'
complete -c standpipe -n "__fish_standpipe_using_subcommand import" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c standpipe -n "__fish_standpipe_using_subcommand import" -s V -l version -d 'Print version'
complete -c standpipe -n "__fish_standpipe_using_subcommand export; and not __fish_seen_subcommand_from kubernetes compose systemd" -l log -d 'Which log lines to write to stderr: a level, or a filter such as `info,standpipe_server=debug`' -r
complete -c standpipe -n "__fish_standpipe_using_subcommand export; and not __fish_seen_subcommand_from kubernetes compose systemd" -l log-format -d 'How log lines are written' -r -f -a "human\t'For people'
json\t'One JSON object on each line'"
complete -c standpipe -n "__fish_standpipe_using_subcommand export; and not __fish_seen_subcommand_from kubernetes compose systemd" -l color -d 'When to use colours; `auto` means on a terminal, unless `NO_COLOR` is set' -r -f -a "auto\t'On a terminal'
always\t'Everywhere'
never\t'Nowhere'"
complete -c standpipe -n "__fish_standpipe_using_subcommand export; and not __fish_seen_subcommand_from kubernetes compose systemd" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c standpipe -n "__fish_standpipe_using_subcommand export; and not __fish_seen_subcommand_from kubernetes compose systemd" -s V -l version -d 'Print version'
complete -c standpipe -n "__fish_standpipe_using_subcommand export; and not __fish_seen_subcommand_from kubernetes compose systemd" -f -a "kubernetes" -d 'For Kubernetes: a StatefulSet for each role, Services, policies, and a kustomization'
complete -c standpipe -n "__fish_standpipe_using_subcommand export; and not __fish_seen_subcommand_from kubernetes compose systemd" -f -a "compose" -d 'For docker compose and podman-compose: a service for each instance'
complete -c standpipe -n "__fish_standpipe_using_subcommand export; and not __fish_seen_subcommand_from kubernetes compose systemd" -f -a "systemd" -d 'For systemd: a template unit for each role, and a target'
complete -c standpipe -n "__fish_standpipe_using_subcommand export; and __fish_seen_subcommand_from kubernetes" -s f -l file -d 'The deployment file' -r -F
complete -c standpipe -n "__fish_standpipe_using_subcommand export; and __fish_seen_subcommand_from kubernetes" -s o -l output -d 'The folder to write to; without it, one with the platform\'s name' -r -F
complete -c standpipe -n "__fish_standpipe_using_subcommand export; and __fish_seen_subcommand_from kubernetes" -l os -d 'The system of the nodes' -r -f -a "linux\t'Linux; Windows services run in Wine'
windows\t'Windows'"
complete -c standpipe -n "__fish_standpipe_using_subcommand export; and __fish_seen_subcommand_from kubernetes" -l image -d 'The image of every role; without it, each has one of its own name' -r
complete -c standpipe -n "__fish_standpipe_using_subcommand export; and __fish_seen_subcommand_from kubernetes" -l log -d 'Which log lines to write to stderr: a level, or a filter such as `info,standpipe_server=debug`' -r
complete -c standpipe -n "__fish_standpipe_using_subcommand export; and __fish_seen_subcommand_from kubernetes" -l log-format -d 'How log lines are written' -r -f -a "human\t'For people'
json\t'One JSON object on each line'"
complete -c standpipe -n "__fish_standpipe_using_subcommand export; and __fish_seen_subcommand_from kubernetes" -l color -d 'When to use colours; `auto` means on a terminal, unless `NO_COLOR` is set' -r -f -a "auto\t'On a terminal'
always\t'Everywhere'
never\t'Nowhere'"
complete -c standpipe -n "__fish_standpipe_using_subcommand export; and __fish_seen_subcommand_from kubernetes" -l force -d 'Also replace files that no export has made'
complete -c standpipe -n "__fish_standpipe_using_subcommand export; and __fish_seen_subcommand_from kubernetes" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c standpipe -n "__fish_standpipe_using_subcommand export; and __fish_seen_subcommand_from kubernetes" -s V -l version -d 'Print version'
complete -c standpipe -n "__fish_standpipe_using_subcommand export; and __fish_seen_subcommand_from compose" -s f -l file -d 'The deployment file' -r -F
complete -c standpipe -n "__fish_standpipe_using_subcommand export; and __fish_seen_subcommand_from compose" -s o -l output -d 'The folder to write to; without it, one with the platform\'s name' -r -F
complete -c standpipe -n "__fish_standpipe_using_subcommand export; and __fish_seen_subcommand_from compose" -l image -d 'The image of every role; without it, each has one of its own name' -r
complete -c standpipe -n "__fish_standpipe_using_subcommand export; and __fish_seen_subcommand_from compose" -l log -d 'Which log lines to write to stderr: a level, or a filter such as `info,standpipe_server=debug`' -r
complete -c standpipe -n "__fish_standpipe_using_subcommand export; and __fish_seen_subcommand_from compose" -l log-format -d 'How log lines are written' -r -f -a "human\t'For people'
json\t'One JSON object on each line'"
complete -c standpipe -n "__fish_standpipe_using_subcommand export; and __fish_seen_subcommand_from compose" -l color -d 'When to use colours; `auto` means on a terminal, unless `NO_COLOR` is set' -r -f -a "auto\t'On a terminal'
always\t'Everywhere'
never\t'Nowhere'"
complete -c standpipe -n "__fish_standpipe_using_subcommand export; and __fish_seen_subcommand_from compose" -l force -d 'Also replace files that no export has made'
complete -c standpipe -n "__fish_standpipe_using_subcommand export; and __fish_seen_subcommand_from compose" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c standpipe -n "__fish_standpipe_using_subcommand export; and __fish_seen_subcommand_from compose" -s V -l version -d 'Print version'
complete -c standpipe -n "__fish_standpipe_using_subcommand export; and __fish_seen_subcommand_from systemd" -s f -l file -d 'The deployment file' -r -F
complete -c standpipe -n "__fish_standpipe_using_subcommand export; and __fish_seen_subcommand_from systemd" -s o -l output -d 'The folder to write to; without it, one with the platform\'s name' -r -F
complete -c standpipe -n "__fish_standpipe_using_subcommand export; and __fish_seen_subcommand_from systemd" -l program -d 'Where `standpipe` is on the machine that runs the units' -r
complete -c standpipe -n "__fish_standpipe_using_subcommand export; and __fish_seen_subcommand_from systemd" -l log -d 'Which log lines to write to stderr: a level, or a filter such as `info,standpipe_server=debug`' -r
complete -c standpipe -n "__fish_standpipe_using_subcommand export; and __fish_seen_subcommand_from systemd" -l log-format -d 'How log lines are written' -r -f -a "human\t'For people'
json\t'One JSON object on each line'"
complete -c standpipe -n "__fish_standpipe_using_subcommand export; and __fish_seen_subcommand_from systemd" -l color -d 'When to use colours; `auto` means on a terminal, unless `NO_COLOR` is set' -r -f -a "auto\t'On a terminal'
always\t'Everywhere'
never\t'Nowhere'"
complete -c standpipe -n "__fish_standpipe_using_subcommand export; and __fish_seen_subcommand_from systemd" -l force -d 'Also replace files that no export has made'
complete -c standpipe -n "__fish_standpipe_using_subcommand export; and __fish_seen_subcommand_from systemd" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c standpipe -n "__fish_standpipe_using_subcommand export; and __fish_seen_subcommand_from systemd" -s V -l version -d 'Print version'
complete -c standpipe -n "__fish_standpipe_using_subcommand agent" -l log -d 'Which log lines to write to stderr: a level, or a filter such as `info,standpipe_server=debug`' -r
complete -c standpipe -n "__fish_standpipe_using_subcommand agent" -l log-format -d 'How log lines are written' -r -f -a "human\t'For people'
json\t'One JSON object on each line'"
complete -c standpipe -n "__fish_standpipe_using_subcommand agent" -l color -d 'When to use colours; `auto` means on a terminal, unless `NO_COLOR` is set' -r -f -a "auto\t'On a terminal'
always\t'Everywhere'
never\t'Nowhere'"
complete -c standpipe -n "__fish_standpipe_using_subcommand agent" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c standpipe -n "__fish_standpipe_using_subcommand agent" -s V -l version -d 'Print version'
