/* What `cargo xtask bench --wine` measures Standpipe against: a Windows service that answers each message of the
   pipe `echo` with itself, and the load of programs that call the pipe directly.

   echo.exe -install
   echo.exe load transact|call CLIENTS MILLISECONDS BYTES

   The load prints one line of JSON. It has no more than the least that a client does: TransactNamedPipe on a
   pipe that stays open, or CallNamedPipe for each call. */

#include <windows.h>
#include <sddl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME "BenchEcho"
#define PIPE "\\\\.\\pipe\\echo"
#define LONGEST 65536
/* Instances of the pipe that wait for clients. */
#define LISTENERS 32
#define STACK (64 * 1024)

static SERVICE_STATUS_HANDLE reporter;
static SECURITY_ATTRIBUTES everybody = { sizeof(everybody), NULL, FALSE };

static void start(LPTHREAD_START_ROUTINE routine, void *argument)
{
    HANDLE thread = CreateThread(NULL, STACK, routine, argument, STACK_SIZE_PARAM_IS_A_RESERVATION, NULL);
    if (thread != NULL)
        CloseHandle(thread);
}

static DWORD WINAPI serve(void *pipe)
{
    char *message = malloc(LONGEST);
    DWORD length, written;
    while (ReadFile(pipe, message, LONGEST, &length, NULL) && WriteFile(pipe, message, length, &written, NULL))
        ;
    free(message);
    CloseHandle(pipe);
    return 0;
}

static DWORD WINAPI take_clients(void *unused)
{
    (void)unused;
    for (;;) {
        HANDLE pipe = CreateNamedPipeA(PIPE, PIPE_ACCESS_DUPLEX, PIPE_TYPE_MESSAGE | PIPE_READMODE_MESSAGE | PIPE_WAIT,
                                       PIPE_UNLIMITED_INSTANCES, 4096, 4096, 0, &everybody);
        if (pipe == INVALID_HANDLE_VALUE)
            return 1;
        if (ConnectNamedPipe(pipe, NULL) || GetLastError() == ERROR_PIPE_CONNECTED)
            start(serve, pipe);
        else
            CloseHandle(pipe);
    }
}

static void report(DWORD state)
{
    SERVICE_STATUS status = { .dwServiceType = SERVICE_WIN32_OWN_PROCESS, .dwCurrentState = state };
    status.dwControlsAccepted = state == SERVICE_RUNNING ? SERVICE_ACCEPT_STOP : 0;
    SetServiceStatus(reporter, &status);
}

static void WINAPI control(DWORD code)
{
    if (code == SERVICE_CONTROL_STOP) {
        report(SERVICE_STOPPED);
        ExitProcess(0);
    }
}

static void WINAPI service_main(DWORD count, char **values)
{
    (void)count, (void)values;
    reporter = RegisterServiceCtrlHandlerA(NAME, control);
    ConvertStringSecurityDescriptorToSecurityDescriptorA("D:(A;;GA;;;WD)", SDDL_REVISION_1,
                                                         &everybody.lpSecurityDescriptor, NULL);
    for (int i = 0; i < LISTENERS; i++)
        start(take_clients, NULL);
    report(SERVICE_RUNNING);
    Sleep(INFINITE);
}

static int install(void)
{
    char path[MAX_PATH];
    GetModuleFileNameA(NULL, path, sizeof(path));
    SC_HANDLE manager = OpenSCManagerA(NULL, NULL, SC_MANAGER_CONNECT | SC_MANAGER_CREATE_SERVICE);
    SC_HANDLE service = CreateServiceA(manager, NAME, NAME, SERVICE_QUERY_STATUS, SERVICE_WIN32_OWN_PROCESS,
                                       SERVICE_DEMAND_START, SERVICE_ERROR_NORMAL, path, NULL, NULL, "", NULL, NULL);
    return service == NULL && GetLastError() != ERROR_SERVICE_EXISTS;
}

static BOOL opens_each_time;
static DWORD size;
static volatile LONG stopping;
static volatile LONG64 calls, errors;

static HANDLE opened(void)
{
    for (;;) {
        HANDLE pipe = CreateFileA(PIPE, GENERIC_READ | GENERIC_WRITE, 0, NULL, OPEN_EXISTING, 0, NULL);
        DWORD mode = PIPE_READMODE_MESSAGE;
        if (pipe != INVALID_HANDLE_VALUE) {
            SetNamedPipeHandleState(pipe, &mode, NULL, NULL);
            return pipe;
        }
        if (GetLastError() != ERROR_PIPE_BUSY || !WaitNamedPipeA(PIPE, 10000))
            return pipe;
    }
}

static DWORD WINAPI call(void *number)
{
    char *request = malloc(size), *reply = malloc(LONGEST);
    memset(request, 'a' + (int)(INT_PTR)number % 26, size);
    HANDLE pipe = opens_each_time ? NULL : opened();
    while (!stopping) {
        DWORD length = 0;
        BOOL done = opens_each_time ? CallNamedPipeA(PIPE, request, size, reply, LONGEST, &length, 10000)
                                    : TransactNamedPipe(pipe, request, size, reply, LONGEST, &length, NULL);
        if (done && length == size && memcmp(request, reply, size) == 0)
            InterlockedIncrement64(&calls);
        else
            InterlockedIncrement64(&errors);
    }
    return 0;
}

static int load(const char *kind, int clients, DWORD milliseconds)
{
    LARGE_INTEGER began, ended, each;
    opens_each_time = strcmp(kind, "call") == 0;
    for (int i = 0; i < clients; i++)
        start(call, (void *)(INT_PTR)i);
    Sleep(1000); /* the warm-up */
    LONG64 before = calls;
    QueryPerformanceFrequency(&each);
    QueryPerformanceCounter(&began);
    Sleep(milliseconds);
    LONG64 after = calls;
    QueryPerformanceCounter(&ended);
    stopping = 1;
    double seconds = (double)(ended.QuadPart - began.QuadPart) / (double)each.QuadPart;
    printf("{\"calls\": %lld, \"seconds\": %.3f, \"calls_per_second\": %.1f, \"errors\": %lld}\n", after - before,
           seconds, (double)(after - before) / seconds, errors);
    fflush(stdout);
    ExitProcess(errors != 0);
}

int main(int count, char **values)
{
    if (count == 2 && strcmp(values[1], "-install") == 0)
        return install();
    if (count == 6 && strcmp(values[1], "load") == 0) {
        size = (DWORD)atoi(values[5]);
        return load(values[2], atoi(values[3]), (DWORD)atoi(values[4]));
    }
    SERVICE_TABLE_ENTRYA table[] = { { NAME, service_main }, { NULL, NULL } };
    return StartServiceCtrlDispatcherA(table) ? 0 : (int)GetLastError();
}
