/* A service in the shape of the sample service of the Windows SDK: one instance of one pipe, in message mode; a
   request of at most 80 bytes, and a reply that always has 180, whatever stands behind its text; no
   FlushFileBuffers before it disconnects the client, since its pipe has no buffers; -install, -remove, -debug.
   None of it is the sample's own text.

   Beyond the sample, it appends a line to the file that the machine's environment names in SINGLE_LOG when it
   starts and when it stops, so that a test sees what it saw. */

#include <windows.h>
#include <sddl.h>
#include <stdio.h>
#include <strsafe.h>

#define NAME "Single"
#define REQUEST 80
#define REPLY 180

static SERVICE_STATUS status = { .dwServiceType = SERVICE_WIN32_OWN_PROCESS };
static SERVICE_STATUS_HANDLE reporter;
static HANDLE stopping;
static char **arguments;
static int argument_count;

static void append(const char *text)
{
    char path[MAX_PATH];
    DWORD length = GetEnvironmentVariableA("SINGLE_LOG", path, sizeof(path));
    if (length == 0 || length >= sizeof(path))
        return;
    HANDLE file = CreateFileA(path, FILE_APPEND_DATA, FILE_SHARE_READ | FILE_SHARE_WRITE, NULL, OPEN_ALWAYS, 0, NULL);
    if (file == INVALID_HANDLE_VALUE)
        return;
    DWORD written;
    WriteFile(file, text, (DWORD)strlen(text), &written, NULL);
    CloseHandle(file);
}

static void report_event(WORD type, const char *text)
{
    HANDLE source = RegisterEventSourceA(NULL, NAME);
    if (source == NULL)
        return;
    ReportEventA(source, type, 0, 0, NULL, 1, 0, &text, NULL);
    DeregisterEventSource(source);
}

static void report(DWORD state, DWORD hint)
{
    status.dwCurrentState = state;
    status.dwControlsAccepted = state == SERVICE_START_PENDING ? 0 : SERVICE_ACCEPT_STOP;
    status.dwWaitHint = hint;
    status.dwCheckPoint = state == SERVICE_RUNNING || state == SERVICE_STOPPED ? 0 : status.dwCheckPoint + 1;
    if (reporter != NULL)
        SetServiceStatus(reporter, &status);
}

/* Whether the operation on the pipe ended before the service was asked to stop. */
static BOOL ended(HANDLE done)
{
    HANDLE either[2] = { stopping, done };
    return WaitForMultipleObjects(2, either, FALSE, INFINITE) == WAIT_OBJECT_0 + 1;
}

static OVERLAPPED fresh(HANDLE done)
{
    OVERLAPPED operation = { 0 };
    operation.hEvent = done;
    ResetEvent(done);
    return operation;
}

static void serve(HANDLE pipe, HANDLE done)
{
    static char reply[REPLY];
    for (;;) {
        OVERLAPPED connecting = fresh(done);
        if (!ConnectNamedPipe(pipe, &connecting) && GetLastError() == ERROR_IO_PENDING && !ended(done))
            return;
        char request[REQUEST + 1] = { 0 };
        OVERLAPPED reading = fresh(done);
        if (!ReadFile(pipe, request, REQUEST, NULL, &reading) && GetLastError() == ERROR_IO_PENDING && !ended(done))
            return;
        /* A client that asks for it waits. */
        if (strcmp(request, "wait") == 0 && WaitForSingleObject(stopping, 5000) == WAIT_OBJECT_0)
            return;
        StringCchPrintfA(reply, REPLY, "Hello! [%s]", request);
        OVERLAPPED writing = fresh(done);
        if (!WriteFile(pipe, reply, REPLY, NULL, &writing) && GetLastError() == ERROR_IO_PENDING && !ended(done))
            return;
        DisconnectNamedPipe(pipe);
    }
}

static void run(void)
{
    SECURITY_ATTRIBUTES guarded = { sizeof(guarded), NULL, FALSE };
    const char *sddl = "D:(D;OICI;GA;;;BG)(D;OICI;GA;;;AN)(A;OICI;GRGWGX;;;AU)(A;OICI;GA;;;BA)";
    stopping = CreateEventA(NULL, TRUE, FALSE, NULL);
    HANDLE done = CreateEventA(NULL, TRUE, FALSE, NULL);
    report(SERVICE_START_PENDING, 3000);
    if (!ConvertStringSecurityDescriptorToSecurityDescriptorA(sddl, SDDL_REVISION_1, &guarded.lpSecurityDescriptor, NULL))
        return;
    HANDLE pipe = CreateNamedPipeA("\\\\.\\pipe\\single", PIPE_ACCESS_DUPLEX | FILE_FLAG_OVERLAPPED,
                                   PIPE_TYPE_MESSAGE | PIPE_READMODE_MESSAGE | PIPE_WAIT, 1, 0, 0, 1000, &guarded);
    LocalFree(guarded.lpSecurityDescriptor);
    if (pipe == INVALID_HANDLE_VALUE) {
        status.dwWin32ExitCode = GetLastError();
        report_event(EVENTLOG_ERROR_TYPE, "the pipe cannot be made");
        return;
    }
    append("started\n");
    report_event(EVENTLOG_INFORMATION_TYPE, "the service has started");
    report(SERVICE_RUNNING, 0);
    serve(pipe, done);
    CloseHandle(pipe);
    append("asked to stop\n");
    report_event(EVENTLOG_INFORMATION_TYPE, "the service has stopped");
}

static void WINAPI control(DWORD code)
{
    if (code == SERVICE_CONTROL_STOP) {
        report(SERVICE_STOP_PENDING, 0);
        SetEvent(stopping);
    } else {
        report(status.dwCurrentState, 0);
    }
}

static void WINAPI service_main(DWORD count, char **values)
{
    (void)count, (void)values;
    reporter = RegisterServiceCtrlHandlerA(NAME, control);
    /* "quit" as the second argument of the service's program: it stops at once; "fail": with a code of its own. */
    if (argument_count > 1 && strcmp(arguments[1], "quit") == 0) {
        report(SERVICE_START_PENDING, 3000);
    } else if (argument_count > 1 && strcmp(arguments[1], "fail") == 0) {
        status.dwWin32ExitCode = ERROR_SERVICE_SPECIFIC_ERROR;
        status.dwServiceSpecificExitCode = 42;
    } else if (argument_count > 1 && strcmp(arguments[1], "pend") == 0) {
        /* It says again and again that it starts, without any progress. */
        for (;;) {
            status.dwCurrentState = SERVICE_START_PENDING;
            status.dwCheckPoint = 1;
            status.dwWaitHint = 1000;
            SetServiceStatus(reporter, &status);
            Sleep(500);
        }
    } else {
        run();
    }
    report(SERVICE_STOPPED, 0);
}

static int install(void)
{
    char path[MAX_PATH];
    GetModuleFileNameA(NULL, path, sizeof(path));
    SC_HANDLE manager = OpenSCManagerA(NULL, NULL, SC_MANAGER_CONNECT | SC_MANAGER_CREATE_SERVICE);
    SC_HANDLE service = CreateServiceA(manager, NAME, "A service with a single pipe instance", SERVICE_QUERY_STATUS,
                                       SERVICE_WIN32_OWN_PROCESS, SERVICE_DEMAND_START, SERVICE_ERROR_NORMAL, path,
                                       NULL, NULL, "", NULL, NULL);
    if (service == NULL && GetLastError() != ERROR_SERVICE_EXISTS) {
        printf("it cannot be installed: error %lu\n", GetLastError());
        return 1;
    }
    return 0;
}

static int uninstall(void)
{
    SC_HANDLE manager = OpenSCManagerA(NULL, NULL, SC_MANAGER_CONNECT);
    SC_HANDLE service = OpenServiceA(manager, NAME, DELETE | SERVICE_STOP);
    SERVICE_STATUS last;
    ControlService(service, SERVICE_CONTROL_STOP, &last);
    return DeleteService(service) ? 0 : 1;
}

/* Takes from everybody the right to change the registry key of a service, until Wine ends. */
static int deny(const char *name)
{
    char path[MAX_PATH];
    HKEY key;
    PSECURITY_DESCRIPTOR nobody;
    snprintf(path, sizeof(path), "System\\CurrentControlSet\\Services\\%s", name);
    if (RegOpenKeyExA(HKEY_LOCAL_MACHINE, path, 0, WRITE_DAC, &key) != ERROR_SUCCESS)
        return 1;
    if (!ConvertStringSecurityDescriptorToSecurityDescriptorA("D:(A;;KR;;;WD)", SDDL_REVISION_1, &nobody, NULL))
        return 2;
    return (int)RegSetKeySecurity(key, DACL_SECURITY_INFORMATION, nobody);
}

int main(int count, char **values)
{
    argument_count = count;
    arguments = values;
    if (count > 1 && strcmp(values[1], "-install") == 0)
        return install();
    if (count > 1 && strcmp(values[1], "-remove") == 0)
        return uninstall();
    if (count > 2 && strcmp(values[1], "-deny") == 0)
        return deny(values[2]);
    if (count > 1 && strcmp(values[1], "-debug") == 0) {
        run();
        return 0;
    }
    SERVICE_TABLE_ENTRYA table[] = { { NAME, service_main }, { NULL, NULL } };
    return StartServiceCtrlDispatcherA(table) ? 0 : (int)GetLastError();
}
