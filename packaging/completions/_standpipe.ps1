
using namespace System.Management.Automation
using namespace System.Management.Automation.Language

Register-ArgumentCompleter -Native -CommandName 'standpipe' -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)

    $commandElements = $commandAst.CommandElements
    $command = @(
        'standpipe'
        for ($i = 1; $i -lt $commandElements.Count; $i++) {
            $element = $commandElements[$i]
            if ($element -isnot [StringConstantExpressionAst] -or
                $element.StringConstantType -ne [StringConstantType]::BareWord -or
                $element.Value.StartsWith('-') -or
                $element.Value -eq $wordToComplete) {
                break
        }
        $element.Value
    }) -join ';'

    $completions = @(switch ($command) {
        'standpipe' {
            [CompletionResult]::new('--log', '--log', [CompletionResultType]::ParameterName, 'Which log lines to write to stderr: a level, or a filter such as `info,standpipe_server=debug`')
            [CompletionResult]::new('--log-format', '--log-format', [CompletionResultType]::ParameterName, 'How log lines are written')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colours; `auto` means on a terminal, unless `NO_COLOR` is set')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('up', 'up', [CompletionResultType]::ParameterValue, 'Run a whole deployment on this machine, and start again what fails')
            [CompletionResult]::new('run', 'run', [CompletionResultType]::ParameterValue, 'Run one instance of a role: its startup tasks, its service, its endpoints')
            [CompletionResult]::new('ps', 'ps', [CompletionResultType]::ParameterValue, 'Show the instances of a deployment that runs on this machine')
            [CompletionResult]::new('logs', 'logs', [CompletionResultType]::ParameterValue, 'Show the last log lines of instances, and those that come')
            [CompletionResult]::new('scale', 'scale', [CompletionResultType]::ParameterValue, 'Run more or fewer instances of a role')
            [CompletionResult]::new('restart', 'restart', [CompletionResultType]::ParameterValue, 'Start instances again, one update domain after the other')
            [CompletionResult]::new('update', 'update', [CompletionResultType]::ParameterValue, 'Read the deployment file again, and bring instances to what it says, one update domain after the other')
            [CompletionResult]::new('down', 'down', [CompletionResultType]::ParameterValue, 'Stop a deployment that runs on this machine')
            [CompletionResult]::new('stop', 'stop', [CompletionResultType]::ParameterValue, 'Stop a deployment that runs on this machine')
            [CompletionResult]::new('health', 'health', [CompletionResultType]::ParameterValue, 'Say by the exit code whether instances on this machine are ready: 0 when all are, 75 otherwise')
            [CompletionResult]::new('call', 'call', [CompletionResultType]::ParameterValue, 'Send one request to a pipe and print its reply')
            [CompletionResult]::new('connect', 'connect', [CompletionResultType]::ParameterValue, 'Offer a pipe of another machine as a local one, for programs that know nothing of the network')
            [CompletionResult]::new('bench', 'bench', [CompletionResultType]::ParameterValue, 'Call a pipe as fast as it answers, and say how fast that is')
            [CompletionResult]::new('account', 'account', [CompletionResultType]::ParameterValue, 'Manage the accounts that may log on')
            [CompletionResult]::new('sddl', 'sddl', [CompletionResultType]::ParameterValue, 'Say what an access-control list means, and whom it lets in')
            [CompletionResult]::new('service', 'service', [CompletionResultType]::ParameterValue, 'Install, start and stop services in the service control manager of Windows')
            [CompletionResult]::new('check', 'check', [CompletionResultType]::ParameterValue, 'Check a deployment file: every mistake, with its line')
            [CompletionResult]::new('doctor', 'doctor', [CompletionResultType]::ParameterValue, 'Say what would go wrong on this machine, and what to do about it')
            [CompletionResult]::new('pack', 'pack', [CompletionResultType]::ParameterValue, 'Put a deployment file and the files of its roles into one file, with checksums')
            [CompletionResult]::new('unpack', 'unpack', [CompletionResultType]::ParameterValue, 'Check a pack, and put its files into a folder')
            [CompletionResult]::new('import', 'import', [CompletionResultType]::ParameterValue, 'Make a deployment file of an Azure Cloud Service: its definition and configurations')
            [CompletionResult]::new('export', 'export', [CompletionResultType]::ParameterValue, 'Write files that run a deployment on Kubernetes, with compose or with systemd')
            [CompletionResult]::new('agent', 'agent', [CompletionResultType]::ParameterValue, 'Control Windows services and open their pipes inside Wine, for a Standpipe outside of it')
            break
        }
        'standpipe;up' {
            [CompletionResult]::new('-f', '-f', [CompletionResultType]::ParameterName, 'The deployment file, or a pack that has one')
            [CompletionResult]::new('--file', '--file', [CompletionResultType]::ParameterName, 'The deployment file, or a pack that has one')
            [CompletionResult]::new('--sha256', '--sha256', [CompletionResultType]::ParameterName, 'The SHA-256 that the pack must have, as `standpipe pack` and `sha256sum` print it')
            [CompletionResult]::new('--state-dir', '--state-dir', [CompletionResultType]::ParameterName, 'The folder to keep state in; without it, one for the deployment where this user keeps such things')
            [CompletionResult]::new('--stop-limit', '--stop-limit', [CompletionResultType]::ParameterName, 'The longest that a stop may take: whatever has not ended by then is killed; without it, each instance has what its role''s stop may take')
            [CompletionResult]::new('--log', '--log', [CompletionResultType]::ParameterName, 'Which log lines to write to stderr: a level, or a filter such as `info,standpipe_server=debug`')
            [CompletionResult]::new('--log-format', '--log-format', [CompletionResultType]::ParameterName, 'How log lines are written')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colours; `auto` means on a terminal, unless `NO_COLOR` is set')
            [CompletionResult]::new('--no-view', '--no-view', [CompletionResultType]::ParameterName, 'Only log lines, also on a terminal')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'standpipe;run' {
            [CompletionResult]::new('-f', '-f', [CompletionResultType]::ParameterName, 'The deployment file, or a pack that has one')
            [CompletionResult]::new('--file', '--file', [CompletionResultType]::ParameterName, 'The deployment file, or a pack that has one')
            [CompletionResult]::new('--sha256', '--sha256', [CompletionResultType]::ParameterName, 'The SHA-256 that the pack must have, as `standpipe pack` and `sha256sum` print it')
            [CompletionResult]::new('--role', '--role', [CompletionResultType]::ParameterName, 'The role; not needed when the deployment has only one')
            [CompletionResult]::new('--instance', '--instance', [CompletionResultType]::ParameterName, 'Which instance of the role this is, from 0; or a name that ends with `-` and that number, as pods of a StatefulSet have it')
            [CompletionResult]::new('--address', '--address', [CompletionResultType]::ParameterName, 'The address to listen on; without it, every address of a container whose first process this is, and otherwise the loopback address of the instance: 127.0.0.1 for 0, 127.0.0.2 for 1')
            [CompletionResult]::new('--folder', '--folder', [CompletionResultType]::ParameterName, 'The folder that paths in the file start from, when the file is in another one')
            [CompletionResult]::new('--target', '--target', [CompletionResultType]::ParameterName, 'Where a target''s instances are, instead of what the deployment file says: HOST:PORT, dns:NAME:PORT, srv:_SERVICE._tcp.NAME or file:PATH. May be given several times. Without it, what STANDPIPE_TARGETS says')
            [CompletionResult]::new('--health', '--health', [CompletionResultType]::ParameterName, 'Where to answer /livez, /readyz, /startz, /metrics and /role, instead of what the deployment file says')
            [CompletionResult]::new('--stop-limit', '--stop-limit', [CompletionResultType]::ParameterName, 'How long the platform waits for the end once it has asked for it, such as `terminationGracePeriodSeconds` of a pod: a time too short for what the file asks for is warned of')
            [CompletionResult]::new('--termination-log', '--termination-log', [CompletionResultType]::ParameterName, 'The file that gets the reason when the instance fails, as Kubernetes shows it; without it, /dev/termination-log where there is one')
            [CompletionResult]::new('--state-dir', '--state-dir', [CompletionResultType]::ParameterName, 'The folder to keep state in; without it, one with the deployment''s name in /run/standpipe for root, in $XDG_RUNTIME_DIR/standpipe or /tmp/standpipe-UID for others, and in %LOCALAPPDATA%\\standpipe on Windows')
            [CompletionResult]::new('--log-to', '--log-to', [CompletionResultType]::ParameterName, 'A file to keep the last log lines in; for `up`')
            [CompletionResult]::new('--log', '--log', [CompletionResultType]::ParameterName, 'Which log lines to write to stderr: a level, or a filter such as `info,standpipe_server=debug`')
            [CompletionResult]::new('--log-format', '--log-format', [CompletionResultType]::ParameterName, 'How log lines are written')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colours; `auto` means on a terminal, unless `NO_COLOR` is set')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'standpipe;ps' {
            [CompletionResult]::new('-f', '-f', [CompletionResultType]::ParameterName, 'The deployment file or the pack, which says the deployment''s name; without it, the only deployment that runs here')
            [CompletionResult]::new('--file', '--file', [CompletionResultType]::ParameterName, 'The deployment file or the pack, which says the deployment''s name; without it, the only deployment that runs here')
            [CompletionResult]::new('-d', '-d', [CompletionResultType]::ParameterName, 'The deployment''s name')
            [CompletionResult]::new('--deployment', '--deployment', [CompletionResultType]::ParameterName, 'The deployment''s name')
            [CompletionResult]::new('--state-dir', '--state-dir', [CompletionResultType]::ParameterName, 'The folder that the deployment keeps its state in, where it is not the usual one')
            [CompletionResult]::new('--log', '--log', [CompletionResultType]::ParameterName, 'Which log lines to write to stderr: a level, or a filter such as `info,standpipe_server=debug`')
            [CompletionResult]::new('--log-format', '--log-format', [CompletionResultType]::ParameterName, 'How log lines are written')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colours; `auto` means on a terminal, unless `NO_COLOR` is set')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'As JSON')
            [CompletionResult]::new('--ready', '--ready', [CompletionResultType]::ParameterName, 'Say with the exit code whether every instance is ready')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'standpipe;logs' {
            [CompletionResult]::new('-n', '-n', [CompletionResultType]::ParameterName, 'How many lines of each instance to begin with')
            [CompletionResult]::new('--lines', '--lines', [CompletionResultType]::ParameterName, 'How many lines of each instance to begin with')
            [CompletionResult]::new('--file', '--file', [CompletionResultType]::ParameterName, 'The deployment file, which says the deployment''s name; without it, the only deployment that runs here')
            [CompletionResult]::new('-d', '-d', [CompletionResultType]::ParameterName, 'The deployment''s name')
            [CompletionResult]::new('--deployment', '--deployment', [CompletionResultType]::ParameterName, 'The deployment''s name')
            [CompletionResult]::new('--state-dir', '--state-dir', [CompletionResultType]::ParameterName, 'The folder that the deployment keeps its state in, where it is not the usual one')
            [CompletionResult]::new('--log', '--log', [CompletionResultType]::ParameterName, 'Which log lines to write to stderr: a level, or a filter such as `info,standpipe_server=debug`')
            [CompletionResult]::new('--log-format', '--log-format', [CompletionResultType]::ParameterName, 'How log lines are written')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colours; `auto` means on a terminal, unless `NO_COLOR` is set')
            [CompletionResult]::new('-f', '-f', [CompletionResultType]::ParameterName, 'Go on with the lines that come')
            [CompletionResult]::new('--follow', '--follow', [CompletionResultType]::ParameterName, 'Go on with the lines that come')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'standpipe;scale' {
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'How long a new instance may take to be ready')
            [CompletionResult]::new('-f', '-f', [CompletionResultType]::ParameterName, 'The deployment file or the pack, which says the deployment''s name; without it, the only deployment that runs here')
            [CompletionResult]::new('--file', '--file', [CompletionResultType]::ParameterName, 'The deployment file or the pack, which says the deployment''s name; without it, the only deployment that runs here')
            [CompletionResult]::new('-d', '-d', [CompletionResultType]::ParameterName, 'The deployment''s name')
            [CompletionResult]::new('--deployment', '--deployment', [CompletionResultType]::ParameterName, 'The deployment''s name')
            [CompletionResult]::new('--state-dir', '--state-dir', [CompletionResultType]::ParameterName, 'The folder that the deployment keeps its state in, where it is not the usual one')
            [CompletionResult]::new('--log', '--log', [CompletionResultType]::ParameterName, 'Which log lines to write to stderr: a level, or a filter such as `info,standpipe_server=debug`')
            [CompletionResult]::new('--log-format', '--log-format', [CompletionResultType]::ParameterName, 'How log lines are written')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colours; `auto` means on a terminal, unless `NO_COLOR` is set')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'standpipe;restart' {
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'How long an instance may take to be ready again')
            [CompletionResult]::new('-f', '-f', [CompletionResultType]::ParameterName, 'The deployment file or the pack, which says the deployment''s name; without it, the only deployment that runs here')
            [CompletionResult]::new('--file', '--file', [CompletionResultType]::ParameterName, 'The deployment file or the pack, which says the deployment''s name; without it, the only deployment that runs here')
            [CompletionResult]::new('-d', '-d', [CompletionResultType]::ParameterName, 'The deployment''s name')
            [CompletionResult]::new('--deployment', '--deployment', [CompletionResultType]::ParameterName, 'The deployment''s name')
            [CompletionResult]::new('--state-dir', '--state-dir', [CompletionResultType]::ParameterName, 'The folder that the deployment keeps its state in, where it is not the usual one')
            [CompletionResult]::new('--log', '--log', [CompletionResultType]::ParameterName, 'Which log lines to write to stderr: a level, or a filter such as `info,standpipe_server=debug`')
            [CompletionResult]::new('--log-format', '--log-format', [CompletionResultType]::ParameterName, 'How log lines are written')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colours; `auto` means on a terminal, unless `NO_COLOR` is set')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'standpipe;update' {
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'How long an instance may take to be ready')
            [CompletionResult]::new('-f', '-f', [CompletionResultType]::ParameterName, 'The deployment file or the pack, which says the deployment''s name; without it, the only deployment that runs here')
            [CompletionResult]::new('--file', '--file', [CompletionResultType]::ParameterName, 'The deployment file or the pack, which says the deployment''s name; without it, the only deployment that runs here')
            [CompletionResult]::new('-d', '-d', [CompletionResultType]::ParameterName, 'The deployment''s name')
            [CompletionResult]::new('--deployment', '--deployment', [CompletionResultType]::ParameterName, 'The deployment''s name')
            [CompletionResult]::new('--state-dir', '--state-dir', [CompletionResultType]::ParameterName, 'The folder that the deployment keeps its state in, where it is not the usual one')
            [CompletionResult]::new('--log', '--log', [CompletionResultType]::ParameterName, 'Which log lines to write to stderr: a level, or a filter such as `info,standpipe_server=debug`')
            [CompletionResult]::new('--log-format', '--log-format', [CompletionResultType]::ParameterName, 'How log lines are written')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colours; `auto` means on a terminal, unless `NO_COLOR` is set')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'standpipe;down' {
            [CompletionResult]::new('-f', '-f', [CompletionResultType]::ParameterName, 'The deployment file or the pack, which says the deployment''s name; without it, the only deployment that runs here')
            [CompletionResult]::new('--file', '--file', [CompletionResultType]::ParameterName, 'The deployment file or the pack, which says the deployment''s name; without it, the only deployment that runs here')
            [CompletionResult]::new('-d', '-d', [CompletionResultType]::ParameterName, 'The deployment''s name')
            [CompletionResult]::new('--deployment', '--deployment', [CompletionResultType]::ParameterName, 'The deployment''s name')
            [CompletionResult]::new('--state-dir', '--state-dir', [CompletionResultType]::ParameterName, 'The folder that the deployment keeps its state in, where it is not the usual one')
            [CompletionResult]::new('--log', '--log', [CompletionResultType]::ParameterName, 'Which log lines to write to stderr: a level, or a filter such as `info,standpipe_server=debug`')
            [CompletionResult]::new('--log-format', '--log-format', [CompletionResultType]::ParameterName, 'How log lines are written')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colours; `auto` means on a terminal, unless `NO_COLOR` is set')
            [CompletionResult]::new('--now', '--now', [CompletionResultType]::ParameterName, 'Kill what runs, without waiting for calls in flight or for services to stop')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'standpipe;stop' {
            [CompletionResult]::new('-f', '-f', [CompletionResultType]::ParameterName, 'The deployment file or the pack, which says the deployment''s name; without it, the only deployment that runs here')
            [CompletionResult]::new('--file', '--file', [CompletionResultType]::ParameterName, 'The deployment file or the pack, which says the deployment''s name; without it, the only deployment that runs here')
            [CompletionResult]::new('-d', '-d', [CompletionResultType]::ParameterName, 'The deployment''s name')
            [CompletionResult]::new('--deployment', '--deployment', [CompletionResultType]::ParameterName, 'The deployment''s name')
            [CompletionResult]::new('--state-dir', '--state-dir', [CompletionResultType]::ParameterName, 'The folder that the deployment keeps its state in, where it is not the usual one')
            [CompletionResult]::new('--log', '--log', [CompletionResultType]::ParameterName, 'Which log lines to write to stderr: a level, or a filter such as `info,standpipe_server=debug`')
            [CompletionResult]::new('--log-format', '--log-format', [CompletionResultType]::ParameterName, 'How log lines are written')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colours; `auto` means on a terminal, unless `NO_COLOR` is set')
            [CompletionResult]::new('--now', '--now', [CompletionResultType]::ParameterName, 'Kill what runs, without waiting for calls in flight or for services to stop')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'standpipe;health' {
            [CompletionResult]::new('-f', '-f', [CompletionResultType]::ParameterName, 'The deployment file or the pack, which says the deployment''s name; without it, the only deployment that runs here')
            [CompletionResult]::new('--file', '--file', [CompletionResultType]::ParameterName, 'The deployment file or the pack, which says the deployment''s name; without it, the only deployment that runs here')
            [CompletionResult]::new('-d', '-d', [CompletionResultType]::ParameterName, 'The deployment''s name')
            [CompletionResult]::new('--deployment', '--deployment', [CompletionResultType]::ParameterName, 'The deployment''s name')
            [CompletionResult]::new('--state-dir', '--state-dir', [CompletionResultType]::ParameterName, 'The folder that the deployment keeps its state in, where it is not the usual one')
            [CompletionResult]::new('--role', '--role', [CompletionResultType]::ParameterName, 'Only the instances of this role')
            [CompletionResult]::new('--instance', '--instance', [CompletionResultType]::ParameterName, 'Only the instance with this number, or with the number at the end of this name')
            [CompletionResult]::new('--log', '--log', [CompletionResultType]::ParameterName, 'Which log lines to write to stderr: a level, or a filter such as `info,standpipe_server=debug`')
            [CompletionResult]::new('--log-format', '--log-format', [CompletionResultType]::ParameterName, 'How log lines are written')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colours; `auto` means on a terminal, unless `NO_COLOR` is set')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'standpipe;call' {
            [CompletionResult]::new('--file', '--file', [CompletionResultType]::ParameterName, 'Send what is in a file')
            [CompletionResult]::new('-u', '-u', [CompletionResultType]::ParameterName, 'The user that logs on: an account of the server, or DOMAIN\user')
            [CompletionResult]::new('--user', '--user', [CompletionResultType]::ParameterName, 'The user that logs on: an account of the server, or DOMAIN\user')
            [CompletionResult]::new('--password-file', '--password-file', [CompletionResultType]::ParameterName, 'Read the password from the only line of a file that nobody else can read; without it, from the one that STANDPIPE_PASSWORD_FILE names, if that is set')
            [CompletionResult]::new('--password-env', '--password-env', [CompletionResultType]::ParameterName, 'Read the password from this environment variable instead of STANDPIPE_PASSWORD')
            [CompletionResult]::new('--nt-hash-file', '--nt-hash-file', [CompletionResultType]::ParameterName, 'Read the NT hash of the password, 32 hexadecimal digits, from the only line of a file that nobody else can read')
            [CompletionResult]::new('--nt-hash-env', '--nt-hash-env', [CompletionResultType]::ParameterName, 'Read the NT hash from this environment variable instead of STANDPIPE_NT_HASH')
            [CompletionResult]::new('--mode', '--mode', [CompletionResultType]::ParameterName, 'What the pipe carries: `message`, so that the request is one, or `byte`, so that it may be of any length; without it, whatever the pipe carries')
            [CompletionResult]::new('--until', '--until', [CompletionResultType]::ParameterName, 'Where the reply ends; without it, with the first message of a pipe of messages, and when a pipe of bytes falls quiet')
            [CompletionResult]::new('--quiet-time', '--quiet-time', [CompletionResultType]::ParameterName, 'How long nothing more has to come until the pipe counts as quiet')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Write the reply into a file, which is made or replaced once the reply is there')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'How long to wait for the connection and the log-on, for a busy pipe, and for the reply, each')
            [CompletionResult]::new('--log', '--log', [CompletionResultType]::ParameterName, 'Which log lines to write to stderr: a level, or a filter such as `info,standpipe_server=debug`')
            [CompletionResult]::new('--log-format', '--log-format', [CompletionResultType]::ParameterName, 'How log lines are written')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colours; `auto` means on a terminal, unless `NO_COLOR` is set')
            [CompletionResult]::new('--raw', '--raw', [CompletionResultType]::ParameterName, 'Send and print bytes as they are: no NUL is added to the request or taken from the reply, and no line end added')
            [CompletionResult]::new('--hex', '--hex', [CompletionResultType]::ParameterName, 'Take the request as hexadecimal digits, with or without spaces, and print the reply so; nothing is added to it')
            [CompletionResult]::new('--one-message', '--one-message', [CompletionResultType]::ParameterName, 'The same as `--until message`')
            [CompletionResult]::new('--encrypt', '--encrypt', [CompletionResultType]::ParameterName, 'Encrypt everything after the log-on, and call no server that cannot; without it, only servers that ask for it')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print the reply as JSON')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'standpipe;connect' {
            [CompletionResult]::new('--local', '--local', [CompletionResultType]::ParameterName, 'The local pipe''s name; without it, that of the remote one')
            [CompletionResult]::new('--folder', '--folder', [CompletionResultType]::ParameterName, 'The folder to offer it in, which is made when it is missing; without it, `STANDPIPE_PIPES`, or this user''s own')
            [CompletionResult]::new('--mode', '--mode', [CompletionResultType]::ParameterName, 'What the pipe carries: `message` or `byte`')
            [CompletionResult]::new('-u', '-u', [CompletionResultType]::ParameterName, 'The user that logs on: an account of the server, or DOMAIN\user')
            [CompletionResult]::new('--user', '--user', [CompletionResultType]::ParameterName, 'The user that logs on: an account of the server, or DOMAIN\user')
            [CompletionResult]::new('--password-file', '--password-file', [CompletionResultType]::ParameterName, 'Read the password from the only line of a file that nobody else can read; without it, from the one that STANDPIPE_PASSWORD_FILE names, if that is set')
            [CompletionResult]::new('--password-env', '--password-env', [CompletionResultType]::ParameterName, 'Read the password from this environment variable instead of STANDPIPE_PASSWORD')
            [CompletionResult]::new('--nt-hash-file', '--nt-hash-file', [CompletionResultType]::ParameterName, 'Read the NT hash of the password, 32 hexadecimal digits, from the only line of a file that nobody else can read')
            [CompletionResult]::new('--nt-hash-env', '--nt-hash-env', [CompletionResultType]::ParameterName, 'Read the NT hash from this environment variable instead of STANDPIPE_NT_HASH')
            [CompletionResult]::new('--max-connections', '--max-connections', [CompletionResultType]::ParameterName, 'Local connections at a time; more wait until one ends')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'How long to wait for the server and the log-on, and for a pipe that is busy, each')
            [CompletionResult]::new('--log', '--log', [CompletionResultType]::ParameterName, 'Which log lines to write to stderr: a level, or a filter such as `info,standpipe_server=debug`')
            [CompletionResult]::new('--log-format', '--log-format', [CompletionResultType]::ParameterName, 'How log lines are written')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colours; `auto` means on a terminal, unless `NO_COLOR` is set')
            [CompletionResult]::new('--dotnet', '--dotnet', [CompletionResultType]::ParameterName, 'Offer it where programs on .NET look: as `CoreFxPipe_NAME` in the folder for temporary files, in byte mode')
            [CompletionResult]::new('--encrypt', '--encrypt', [CompletionResultType]::ParameterName, 'Encrypt everything after the log-on, and use no server that cannot; without it, only for servers that ask for it')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'standpipe;bench' {
            [CompletionResult]::new('-u', '-u', [CompletionResultType]::ParameterName, 'The user that logs on: an account of the server, or DOMAIN\user')
            [CompletionResult]::new('--user', '--user', [CompletionResultType]::ParameterName, 'The user that logs on: an account of the server, or DOMAIN\user')
            [CompletionResult]::new('--password-file', '--password-file', [CompletionResultType]::ParameterName, 'Read the password from the only line of a file that nobody else can read; without it, from the one that STANDPIPE_PASSWORD_FILE names, if that is set')
            [CompletionResult]::new('--password-env', '--password-env', [CompletionResultType]::ParameterName, 'Read the password from this environment variable instead of STANDPIPE_PASSWORD')
            [CompletionResult]::new('--nt-hash-file', '--nt-hash-file', [CompletionResultType]::ParameterName, 'Read the NT hash of the password, 32 hexadecimal digits, from the only line of a file that nobody else can read')
            [CompletionResult]::new('--nt-hash-env', '--nt-hash-env', [CompletionResultType]::ParameterName, 'Read the NT hash from this environment variable instead of STANDPIPE_NT_HASH')
            [CompletionResult]::new('--workload', '--workload', [CompletionResultType]::ParameterName, 'What one call is')
            [CompletionResult]::new('--connections', '--connections', [CompletionResultType]::ParameterName, 'How many connections')
            [CompletionResult]::new('--callers', '--callers', [CompletionResultType]::ParameterName, 'How many calls at a time on each connection, each on a pipe of its own')
            [CompletionResult]::new('--size', '--size', [CompletionResultType]::ParameterName, 'How many bytes each request has')
            [CompletionResult]::new('--expect', '--expect', [CompletionResultType]::ParameterName, 'What the service''s reply must be')
            [CompletionResult]::new('--duration', '--duration', [CompletionResultType]::ParameterName, 'How long to measure; `idle` connections are left alone for so long')
            [CompletionResult]::new('--warm-up', '--warm-up', [CompletionResultType]::ParameterName, 'How long to call before measuring begins')
            [CompletionResult]::new('--threads', '--threads', [CompletionResultType]::ParameterName, 'How many threads call; by default as many as there are processors')
            [CompletionResult]::new('--signing', '--signing', [CompletionResultType]::ParameterName, 'Offer only this way to sign; without it, whatever both sides can, the fastest first')
            [CompletionResult]::new('--from', '--from', [CompletionResultType]::ParameterName, 'An address of this machine to connect from; several are used in turn')
            [CompletionResult]::new('--server-pid', '--server-pid', [CompletionResultType]::ParameterName, 'The server''s process on this machine: say what CPU time and memory it uses, with its children of the same program')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'How long connecting and logging on may take')
            [CompletionResult]::new('--log', '--log', [CompletionResultType]::ParameterName, 'Which log lines to write to stderr: a level, or a filter such as `info,standpipe_server=debug`')
            [CompletionResult]::new('--log-format', '--log-format', [CompletionResultType]::ParameterName, 'How log lines are written')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colours; `auto` means on a terminal, unless `NO_COLOR` is set')
            [CompletionResult]::new('--encrypt', '--encrypt', [CompletionResultType]::ParameterName, 'Encrypt everything after the log-on instead of signing it')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print the result as JSON')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'standpipe;account' {
            [CompletionResult]::new('--log', '--log', [CompletionResultType]::ParameterName, 'Which log lines to write to stderr: a level, or a filter such as `info,standpipe_server=debug`')
            [CompletionResult]::new('--log-format', '--log-format', [CompletionResultType]::ParameterName, 'How log lines are written')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colours; `auto` means on a terminal, unless `NO_COLOR` is set')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('add', 'add', [CompletionResultType]::ParameterValue, 'Add an account')
            [CompletionResult]::new('remove', 'remove', [CompletionResultType]::ParameterValue, 'Remove an account; its SID is not given to another')
            [CompletionResult]::new('list', 'list', [CompletionResultType]::ParameterValue, 'Show the accounts')
            [CompletionResult]::new('passwd', 'passwd', [CompletionResultType]::ParameterValue, 'Change an account''s password')
            [CompletionResult]::new('enable', 'enable', [CompletionResultType]::ParameterValue, 'Let an account log on again')
            [CompletionResult]::new('disable', 'disable', [CompletionResultType]::ParameterValue, 'Keep an account from logging on')
            break
        }
        'standpipe;account;add' {
            [CompletionResult]::new('--file', '--file', [CompletionResultType]::ParameterName, 'The account file; a startup task of an instance need not say it')
            [CompletionResult]::new('--groups', '--groups', [CompletionResultType]::ParameterName, 'The groups it is a member of: Users, Administrators, Guests, or SIDs')
            [CompletionResult]::new('--password-file', '--password-file', [CompletionResultType]::ParameterName, 'Read the password from the only line of a file that nobody else can read; without it, from the one that STANDPIPE_PASSWORD_FILE names, if that is set')
            [CompletionResult]::new('--password-env', '--password-env', [CompletionResultType]::ParameterName, 'Read the password from this environment variable instead of STANDPIPE_PASSWORD')
            [CompletionResult]::new('--log', '--log', [CompletionResultType]::ParameterName, 'Which log lines to write to stderr: a level, or a filter such as `info,standpipe_server=debug`')
            [CompletionResult]::new('--log-format', '--log-format', [CompletionResultType]::ParameterName, 'How log lines are written')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colours; `auto` means on a terminal, unless `NO_COLOR` is set')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'standpipe;account;remove' {
            [CompletionResult]::new('--file', '--file', [CompletionResultType]::ParameterName, 'The account file; a startup task of an instance need not say it')
            [CompletionResult]::new('--log', '--log', [CompletionResultType]::ParameterName, 'Which log lines to write to stderr: a level, or a filter such as `info,standpipe_server=debug`')
            [CompletionResult]::new('--log-format', '--log-format', [CompletionResultType]::ParameterName, 'How log lines are written')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colours; `auto` means on a terminal, unless `NO_COLOR` is set')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'standpipe;account;list' {
            [CompletionResult]::new('--file', '--file', [CompletionResultType]::ParameterName, 'The account file; a startup task of an instance need not say it')
            [CompletionResult]::new('--log', '--log', [CompletionResultType]::ParameterName, 'Which log lines to write to stderr: a level, or a filter such as `info,standpipe_server=debug`')
            [CompletionResult]::new('--log-format', '--log-format', [CompletionResultType]::ParameterName, 'How log lines are written')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colours; `auto` means on a terminal, unless `NO_COLOR` is set')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'As JSON')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'standpipe;account;passwd' {
            [CompletionResult]::new('--file', '--file', [CompletionResultType]::ParameterName, 'The account file; a startup task of an instance need not say it')
            [CompletionResult]::new('--password-file', '--password-file', [CompletionResultType]::ParameterName, 'Read the password from the only line of a file that nobody else can read; without it, from the one that STANDPIPE_PASSWORD_FILE names, if that is set')
            [CompletionResult]::new('--password-env', '--password-env', [CompletionResultType]::ParameterName, 'Read the password from this environment variable instead of STANDPIPE_PASSWORD')
            [CompletionResult]::new('--log', '--log', [CompletionResultType]::ParameterName, 'Which log lines to write to stderr: a level, or a filter such as `info,standpipe_server=debug`')
            [CompletionResult]::new('--log-format', '--log-format', [CompletionResultType]::ParameterName, 'How log lines are written')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colours; `auto` means on a terminal, unless `NO_COLOR` is set')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'standpipe;account;enable' {
            [CompletionResult]::new('--file', '--file', [CompletionResultType]::ParameterName, 'The account file; a startup task of an instance need not say it')
            [CompletionResult]::new('--log', '--log', [CompletionResultType]::ParameterName, 'Which log lines to write to stderr: a level, or a filter such as `info,standpipe_server=debug`')
            [CompletionResult]::new('--log-format', '--log-format', [CompletionResultType]::ParameterName, 'How log lines are written')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colours; `auto` means on a terminal, unless `NO_COLOR` is set')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'standpipe;account;disable' {
            [CompletionResult]::new('--file', '--file', [CompletionResultType]::ParameterName, 'The account file; a startup task of an instance need not say it')
            [CompletionResult]::new('--log', '--log', [CompletionResultType]::ParameterName, 'Which log lines to write to stderr: a level, or a filter such as `info,standpipe_server=debug`')
            [CompletionResult]::new('--log-format', '--log-format', [CompletionResultType]::ParameterName, 'How log lines are written')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colours; `auto` means on a terminal, unless `NO_COLOR` is set')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'standpipe;sddl' {
            [CompletionResult]::new('--log', '--log', [CompletionResultType]::ParameterName, 'Which log lines to write to stderr: a level, or a filter such as `info,standpipe_server=debug`')
            [CompletionResult]::new('--log-format', '--log-format', [CompletionResultType]::ParameterName, 'How log lines are written')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colours; `auto` means on a terminal, unless `NO_COLOR` is set')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('explain', 'explain', [CompletionResultType]::ParameterValue, 'Say in words what a security descriptor means for a pipe')
            [CompletionResult]::new('check', 'check', [CompletionResultType]::ParameterValue, 'Say whether an account may open a pipe, and which entry decides')
            break
        }
        'standpipe;sddl;explain' {
            [CompletionResult]::new('--log', '--log', [CompletionResultType]::ParameterName, 'Which log lines to write to stderr: a level, or a filter such as `info,standpipe_server=debug`')
            [CompletionResult]::new('--log-format', '--log-format', [CompletionResultType]::ParameterName, 'How log lines are written')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colours; `auto` means on a terminal, unless `NO_COLOR` is set')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'standpipe;sddl;check' {
            [CompletionResult]::new('--user', '--user', [CompletionResultType]::ParameterName, 'The account that opens the pipe; without --accounts, one made up for the question')
            [CompletionResult]::new('--groups', '--groups', [CompletionResultType]::ParameterName, 'What the made-up account is a member of: Users, Administrators, Guests, or SIDs')
            [CompletionResult]::new('--accounts', '--accounts', [CompletionResultType]::ParameterName, 'The file to find the account in')
            [CompletionResult]::new('--access', '--access', [CompletionResultType]::ParameterName, 'What the caller asks for: read, write, readwrite, all, maximum, or a mask such as 0x12019f')
            [CompletionResult]::new('--log', '--log', [CompletionResultType]::ParameterName, 'Which log lines to write to stderr: a level, or a filter such as `info,standpipe_server=debug`')
            [CompletionResult]::new('--log-format', '--log-format', [CompletionResultType]::ParameterName, 'How log lines are written')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colours; `auto` means on a terminal, unless `NO_COLOR` is set')
            [CompletionResult]::new('--anonymous', '--anonymous', [CompletionResultType]::ParameterName, 'A caller that did not log on')
            [CompletionResult]::new('--full-administrators', '--full-administrators', [CompletionResultType]::ParameterName, 'Administrators count as such, as with `filter-administrators = false` in the deployment file')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'standpipe;service' {
            [CompletionResult]::new('--log', '--log', [CompletionResultType]::ParameterName, 'Which log lines to write to stderr: a level, or a filter such as `info,standpipe_server=debug`')
            [CompletionResult]::new('--log-format', '--log-format', [CompletionResultType]::ParameterName, 'How log lines are written')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colours; `auto` means on a terminal, unless `NO_COLOR` is set')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('install', 'install', [CompletionResultType]::ParameterValue, 'Install a service, or change the settings of one that is installed')
            [CompletionResult]::new('remove', 'remove', [CompletionResultType]::ParameterValue, 'Stop a service and remove it')
            [CompletionResult]::new('start', 'start', [CompletionResultType]::ParameterValue, 'Start a service and wait until it runs')
            [CompletionResult]::new('stop', 'stop', [CompletionResultType]::ParameterValue, 'Stop a service and wait until it is stopped')
            [CompletionResult]::new('status', 'status', [CompletionResultType]::ParameterValue, 'Show a service: what it is doing, and its settings')
            break
        }
        'standpipe;service;install' {
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'How long to wait until it is done')
            [CompletionResult]::new('--display-name', '--display-name', [CompletionResultType]::ParameterName, 'The name that people see; otherwise the service''s name')
            [CompletionResult]::new('--description', '--description', [CompletionResultType]::ParameterName, 'What the service is, in words')
            [CompletionResult]::new('--start', '--start', [CompletionResultType]::ParameterName, 'When Windows starts it by itself')
            [CompletionResult]::new('--depends-on', '--depends-on', [CompletionResultType]::ParameterName, 'A service that has to run before this one; may be given several times')
            [CompletionResult]::new('--user', '--user', [CompletionResultType]::ParameterName, 'The account that it runs as, such as `LocalService`, `CORP\svc` or `svc` of this machine')
            [CompletionResult]::new('--password-file', '--password-file', [CompletionResultType]::ParameterName, 'Read the account''s password from the only line of a file that nobody else can read')
            [CompletionResult]::new('--log', '--log', [CompletionResultType]::ParameterName, 'Which log lines to write to stderr: a level, or a filter such as `info,standpipe_server=debug`')
            [CompletionResult]::new('--log-format', '--log-format', [CompletionResultType]::ParameterName, 'How log lines are written')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colours; `auto` means on a terminal, unless `NO_COLOR` is set')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'standpipe;service;remove' {
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'How long to wait until it is done')
            [CompletionResult]::new('--log', '--log', [CompletionResultType]::ParameterName, 'Which log lines to write to stderr: a level, or a filter such as `info,standpipe_server=debug`')
            [CompletionResult]::new('--log-format', '--log-format', [CompletionResultType]::ParameterName, 'How log lines are written')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colours; `auto` means on a terminal, unless `NO_COLOR` is set')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'standpipe;service;start' {
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'How long to wait until it is done')
            [CompletionResult]::new('--log', '--log', [CompletionResultType]::ParameterName, 'Which log lines to write to stderr: a level, or a filter such as `info,standpipe_server=debug`')
            [CompletionResult]::new('--log-format', '--log-format', [CompletionResultType]::ParameterName, 'How log lines are written')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colours; `auto` means on a terminal, unless `NO_COLOR` is set')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'standpipe;service;stop' {
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'How long to wait until it is done')
            [CompletionResult]::new('--log', '--log', [CompletionResultType]::ParameterName, 'Which log lines to write to stderr: a level, or a filter such as `info,standpipe_server=debug`')
            [CompletionResult]::new('--log-format', '--log-format', [CompletionResultType]::ParameterName, 'How log lines are written')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colours; `auto` means on a terminal, unless `NO_COLOR` is set')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'standpipe;service;status' {
            [CompletionResult]::new('--log', '--log', [CompletionResultType]::ParameterName, 'Which log lines to write to stderr: a level, or a filter such as `info,standpipe_server=debug`')
            [CompletionResult]::new('--log-format', '--log-format', [CompletionResultType]::ParameterName, 'How log lines are written')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colours; `auto` means on a terminal, unless `NO_COLOR` is set')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'As JSON')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'standpipe;check' {
            [CompletionResult]::new('-f', '-f', [CompletionResultType]::ParameterName, 'The deployment file')
            [CompletionResult]::new('--file', '--file', [CompletionResultType]::ParameterName, 'The deployment file')
            [CompletionResult]::new('--log', '--log', [CompletionResultType]::ParameterName, 'Which log lines to write to stderr: a level, or a filter such as `info,standpipe_server=debug`')
            [CompletionResult]::new('--log-format', '--log-format', [CompletionResultType]::ParameterName, 'How log lines are written')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colours; `auto` means on a terminal, unless `NO_COLOR` is set')
            [CompletionResult]::new('--here', '--here', [CompletionResultType]::ParameterName, 'Also look at this machine: whether passwords can be read, ports are free')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'standpipe;doctor' {
            [CompletionResult]::new('-f', '-f', [CompletionResultType]::ParameterName, 'The deployment file; without it, `standpipe.toml` if there is one, and otherwise only the machine is looked at')
            [CompletionResult]::new('--file', '--file', [CompletionResultType]::ParameterName, 'The deployment file; without it, `standpipe.toml` if there is one, and otherwise only the machine is looked at')
            [CompletionResult]::new('--role', '--role', [CompletionResultType]::ParameterName, 'Only for one instance of this role, as `run` would start it')
            [CompletionResult]::new('--instance', '--instance', [CompletionResultType]::ParameterName, 'The instance''s number, or a name that ends with `-` and that number')
            [CompletionResult]::new('--address', '--address', [CompletionResultType]::ParameterName, 'The address that the instance would listen on, as for `run`')
            [CompletionResult]::new('--stop-limit', '--stop-limit', [CompletionResultType]::ParameterName, 'How long the platform waits for the end once it has asked for it; without it, what this machine shows of that: Windows its settings, a container the default of Docker or Kubernetes')
            [CompletionResult]::new('--state-dir', '--state-dir', [CompletionResultType]::ParameterName, 'The folder that the deployment would keep its state in, where it is not the usual one')
            [CompletionResult]::new('--log', '--log', [CompletionResultType]::ParameterName, 'Which log lines to write to stderr: a level, or a filter such as `info,standpipe_server=debug`')
            [CompletionResult]::new('--log-format', '--log-format', [CompletionResultType]::ParameterName, 'How log lines are written')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colours; `auto` means on a terminal, unless `NO_COLOR` is set')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'As JSON')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'standpipe;pack' {
            [CompletionResult]::new('-f', '-f', [CompletionResultType]::ParameterName, 'The deployment file')
            [CompletionResult]::new('--file', '--file', [CompletionResultType]::ParameterName, 'The deployment file')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'The pack to write; without it, the deployment''s name with `.pack`, in the current folder')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'The pack to write; without it, the deployment''s name with `.pack`, in the current folder')
            [CompletionResult]::new('--role', '--role', [CompletionResultType]::ParameterName, 'Only the files of this role. May be given several times')
            [CompletionResult]::new('--system', '--system', [CompletionResultType]::ParameterName, 'The system that the deployment is for; without it, this one')
            [CompletionResult]::new('--log', '--log', [CompletionResultType]::ParameterName, 'Which log lines to write to stderr: a level, or a filter such as `info,standpipe_server=debug`')
            [CompletionResult]::new('--log-format', '--log-format', [CompletionResultType]::ParameterName, 'How log lines are written')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colours; `auto` means on a terminal, unless `NO_COLOR` is set')
            [CompletionResult]::new('--force', '--force', [CompletionResultType]::ParameterName, 'Write over a pack that is there already')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print what is in the pack as JSON')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'standpipe;unpack' {
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'The folder to make; without it, the pack''s name without its ending, in the current folder')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'The folder to make; without it, the pack''s name without its ending, in the current folder')
            [CompletionResult]::new('--role', '--role', [CompletionResultType]::ParameterName, 'Only the files that this role needs. May be given several times')
            [CompletionResult]::new('--sha256', '--sha256', [CompletionResultType]::ParameterName, 'The SHA-256 that the pack must have, as `standpipe pack` and `sha256sum` print it')
            [CompletionResult]::new('--log', '--log', [CompletionResultType]::ParameterName, 'Which log lines to write to stderr: a level, or a filter such as `info,standpipe_server=debug`')
            [CompletionResult]::new('--log-format', '--log-format', [CompletionResultType]::ParameterName, 'How log lines are written')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colours; `auto` means on a terminal, unless `NO_COLOR` is set')
            [CompletionResult]::new('--list', '--list', [CompletionResultType]::ParameterName, 'Show what is in the pack, and write nothing')
            [CompletionResult]::new('--verify', '--verify', [CompletionResultType]::ParameterName, 'Check everything in the pack, and write nothing')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print what is in the pack as JSON')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'standpipe;import' {
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'The deployment file to write; without it, standard output')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'The deployment file to write; without it, standard output')
            [CompletionResult]::new('--configuration', '--configuration', [CompletionResultType]::ParameterName, 'Which configuration to take: `Cloud` for ServiceConfiguration.Cloud.cscfg. Without it, the first')
            [CompletionResult]::new('--platform', '--platform', [CompletionResultType]::ParameterName, 'What will run: the programs of Windows, on Windows or in Wine, or programs of Linux in their place')
            [CompletionResult]::new('--service', '--service', [CompletionResultType]::ParameterName, 'What a role''s code starts: the name of a Windows service, or on Linux the service''s command')
            [CompletionResult]::new('--pipe', '--pipe', [CompletionResultType]::ParameterName, 'The named pipe that a role''s service makes')
            [CompletionResult]::new('--sddl', '--sddl', [CompletionResultType]::ParameterName, 'Who may open that pipe: the security descriptor that the service gives it')
            [CompletionResult]::new('--package', '--package', [CompletionResultType]::ParameterName, 'Take the files of the roles from this package (.cspkg), and leave them beside the deployment file')
            [CompletionResult]::new('--log', '--log', [CompletionResultType]::ParameterName, 'Which log lines to write to stderr: a level, or a filter such as `info,standpipe_server=debug`')
            [CompletionResult]::new('--log-format', '--log-format', [CompletionResultType]::ParameterName, 'How log lines are written')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colours; `auto` means on a terminal, unless `NO_COLOR` is set')
            [CompletionResult]::new('--force', '--force', [CompletionResultType]::ParameterName, 'Write over a deployment file that is there already')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print the report as JSON on standard output; without --output, the deployment file is part of it')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'standpipe;export' {
            [CompletionResult]::new('--log', '--log', [CompletionResultType]::ParameterName, 'Which log lines to write to stderr: a level, or a filter such as `info,standpipe_server=debug`')
            [CompletionResult]::new('--log-format', '--log-format', [CompletionResultType]::ParameterName, 'How log lines are written')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colours; `auto` means on a terminal, unless `NO_COLOR` is set')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('kubernetes', 'kubernetes', [CompletionResultType]::ParameterValue, 'For Kubernetes: a StatefulSet for each role, Services, policies, and a kustomization')
            [CompletionResult]::new('compose', 'compose', [CompletionResultType]::ParameterValue, 'For docker compose and podman-compose: a service for each instance')
            [CompletionResult]::new('systemd', 'systemd', [CompletionResultType]::ParameterValue, 'For systemd: a template unit for each role, and a target')
            break
        }
        'standpipe;export;kubernetes' {
            [CompletionResult]::new('-f', '-f', [CompletionResultType]::ParameterName, 'The deployment file')
            [CompletionResult]::new('--file', '--file', [CompletionResultType]::ParameterName, 'The deployment file')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'The folder to write to; without it, one with the platform''s name')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'The folder to write to; without it, one with the platform''s name')
            [CompletionResult]::new('--os', '--os', [CompletionResultType]::ParameterName, 'The system of the nodes')
            [CompletionResult]::new('--image', '--image', [CompletionResultType]::ParameterName, 'The image of every role; without it, each has one of its own name')
            [CompletionResult]::new('--log', '--log', [CompletionResultType]::ParameterName, 'Which log lines to write to stderr: a level, or a filter such as `info,standpipe_server=debug`')
            [CompletionResult]::new('--log-format', '--log-format', [CompletionResultType]::ParameterName, 'How log lines are written')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colours; `auto` means on a terminal, unless `NO_COLOR` is set')
            [CompletionResult]::new('--force', '--force', [CompletionResultType]::ParameterName, 'Also replace files that no export has made')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'standpipe;export;compose' {
            [CompletionResult]::new('-f', '-f', [CompletionResultType]::ParameterName, 'The deployment file')
            [CompletionResult]::new('--file', '--file', [CompletionResultType]::ParameterName, 'The deployment file')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'The folder to write to; without it, one with the platform''s name')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'The folder to write to; without it, one with the platform''s name')
            [CompletionResult]::new('--image', '--image', [CompletionResultType]::ParameterName, 'The image of every role; without it, each has one of its own name')
            [CompletionResult]::new('--log', '--log', [CompletionResultType]::ParameterName, 'Which log lines to write to stderr: a level, or a filter such as `info,standpipe_server=debug`')
            [CompletionResult]::new('--log-format', '--log-format', [CompletionResultType]::ParameterName, 'How log lines are written')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colours; `auto` means on a terminal, unless `NO_COLOR` is set')
            [CompletionResult]::new('--force', '--force', [CompletionResultType]::ParameterName, 'Also replace files that no export has made')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'standpipe;export;systemd' {
            [CompletionResult]::new('-f', '-f', [CompletionResultType]::ParameterName, 'The deployment file')
            [CompletionResult]::new('--file', '--file', [CompletionResultType]::ParameterName, 'The deployment file')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'The folder to write to; without it, one with the platform''s name')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'The folder to write to; without it, one with the platform''s name')
            [CompletionResult]::new('--program', '--program', [CompletionResultType]::ParameterName, 'Where `standpipe` is on the machine that runs the units')
            [CompletionResult]::new('--log', '--log', [CompletionResultType]::ParameterName, 'Which log lines to write to stderr: a level, or a filter such as `info,standpipe_server=debug`')
            [CompletionResult]::new('--log-format', '--log-format', [CompletionResultType]::ParameterName, 'How log lines are written')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colours; `auto` means on a terminal, unless `NO_COLOR` is set')
            [CompletionResult]::new('--force', '--force', [CompletionResultType]::ParameterName, 'Also replace files that no export has made')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'standpipe;agent' {
            [CompletionResult]::new('--log', '--log', [CompletionResultType]::ParameterName, 'Which log lines to write to stderr: a level, or a filter such as `info,standpipe_server=debug`')
            [CompletionResult]::new('--log-format', '--log-format', [CompletionResultType]::ParameterName, 'How log lines are written')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to use colours; `auto` means on a terminal, unless `NO_COLOR` is set')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
    })

    $completions.Where{ $_.CompletionText -like "$wordToComplete*" } |
        Sort-Object -Property ListItemText
}
