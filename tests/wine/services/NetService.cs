// A Windows service in C#: it reverses texts, as the story's service does, on a message pipe whose access list it
// sets through PipeSecurity. ServiceBase is in no runtime that a registry has, so it speaks to the service control
// manager itself.
//
// NET_SERVICE_LOG names a file to which it appends what happened. "env NAME" as a text is answered with the value of
// that variable.
using System;
using System.IO;
using System.IO.Pipes;
using System.Reflection;
using System.Runtime.InteropServices;
using System.Security.AccessControl;
using System.Text;
using System.Threading;

public static class NetService
{
    const string Name = "NetService";
    const string Sddl = "D:(D;OICI;GA;;;BG)(D;OICI;GA;;;AN)(A;OICI;GRGWGX;;;AU)(A;OICI;GA;;;BA)";
    const int Instances = 4;
    const uint Running = 4, StartPending = 2, StopPending = 3, Stopped = 1;
    const uint ControlStop = 1, ControlInterrogate = 4, NotImplemented = 120;

    delegate void ServiceMain(uint count, IntPtr values);
    delegate uint Handler(uint control, uint type, IntPtr data, IntPtr context);

    [StructLayout(LayoutKind.Sequential, CharSet = CharSet.Unicode)]
    struct Entry { public string Name; public ServiceMain Main; }

    [StructLayout(LayoutKind.Sequential)]
    struct Status { public uint Type, State, Controls, Exit, Specific, CheckPoint, Hint; }

    [DllImport("advapi32.dll", SetLastError = true)]
    static extern bool StartServiceCtrlDispatcherW(IntPtr table);
    [DllImport("advapi32.dll", CharSet = CharSet.Unicode, SetLastError = true)]
    static extern IntPtr RegisterServiceCtrlHandlerExW(string name, Handler handler, IntPtr context);
    [DllImport("advapi32.dll", SetLastError = true)]
    static extern bool SetServiceStatus(IntPtr handle, ref Status status);
    [DllImport("advapi32.dll", CharSet = CharSet.Unicode)]
    static extern IntPtr RegisterEventSourceW(string server, string source);
    [DllImport("advapi32.dll", CharSet = CharSet.Unicode)]
    static extern bool ReportEventW(IntPtr source, ushort type, ushort category, uint id, IntPtr user, ushort strings,
                                    uint size, string[] texts, IntPtr data);
    [DllImport("advapi32.dll")]
    static extern bool DeregisterEventSource(IntPtr source);

    // The dispatcher keeps pointers to these, so the collector must not take them.
    static readonly Handler handler = Control;
    static readonly ServiceMain main = Run;
    static readonly ManualResetEvent stop = new ManualResetEvent(false);
    static IntPtr reporter;
    static uint state;

    static void Append(string line)
    {
        string file = Environment.GetEnvironmentVariable("NET_SERVICE_LOG");
        if (file != null) lock (stop) File.AppendAllText(file, line + "\n");
    }

    static void ReportEvent(string text)
    {
        IntPtr source = RegisterEventSourceW(null, Name);
        ReportEventW(source, 4, 0, 1, IntPtr.Zero, 1, 0, new[] { text }, IntPtr.Zero);
        DeregisterEventSource(source);
    }

    static void Report(uint now)
    {
        state = now;
        Status status = new Status { Type = 0x10, State = now, Controls = now == Running ? 1u : 0u, Hint = 3000 };
        SetServiceStatus(reporter, ref status);
    }

    static uint Control(uint control, uint type, IntPtr data, IntPtr context)
    {
        if (control == ControlInterrogate) { Report(state); return 0; }
        if (control != ControlStop) return NotImplemented;
        Append("asked to stop");
        Report(StopPending);
        stop.Set();
        return 0;
    }

    static NamedPipeServerStream Make()
    {
        PipeSecurity security = new PipeSecurity();
        security.SetSecurityDescriptorSddlForm(Sddl);
        // The compiler has only older assemblies at hand, without this class.
        Type acl = Type.GetType("System.IO.Pipes.NamedPipeServerStreamAcl, System.IO.Pipes.AccessControl", false)
                   ?? Type.GetType("System.IO.Pipes.NamedPipeServerStreamAcl, System.IO.Pipes", true);
        return (NamedPipeServerStream)acl.GetMethod("Create").Invoke(null, new object[] {
            "net", PipeDirection.InOut, Instances, PipeTransmissionMode.Message, PipeOptions.None, 4096, 4096,
            security, HandleInheritability.None, (PipeAccessRights)0 });
    }

    static string Answer(string text)
    {
        if (text.StartsWith("env ")) return Environment.GetEnvironmentVariable(text.Substring(4)) ?? "(not set)";
        char[] letters = text.ToCharArray();
        Array.Reverse(letters);
        return new string(letters);
    }

    static void Serve()
    {
        byte[] buffer = new byte[4096];
        for (;;)
        {
            try
            {
                using (NamedPipeServerStream pipe = Make())
                {
                    pipe.WaitForConnection();
                    MemoryStream text = new MemoryStream();
                    do
                    {
                        int got = pipe.Read(buffer, 0, buffer.Length);
                        if (got == 0) break;
                        text.Write(buffer, 0, got);
                    } while (!pipe.IsMessageComplete);
                    string answer = Answer(Encoding.UTF8.GetString(text.ToArray()).TrimEnd('\0'));
                    byte[] bytes = Encoding.UTF8.GetBytes(answer);
                    pipe.Write(bytes, 0, bytes.Length);
                    pipe.WaitForPipeDrain();
                    pipe.Disconnect();
                }
            }
            catch (IOException) { } // the client went early
            catch (Exception error) { Append(error.ToString()); Environment.Exit(1); }
        }
    }

    static void Run(uint count, IntPtr values)
    {
        reporter = RegisterServiceCtrlHandlerExW(Name, handler, IntPtr.Zero);
        Report(StartPending);
        for (int i = 0; i < Instances; i++) new Thread(Serve) { IsBackground = true }.Start();
        Append("started");
        ReportEvent("the service has started");
        Report(Running);
        stop.WaitOne();
        Report(Stopped);
    }

    public static int Main(string[] arguments)
    {
        int size = Marshal.SizeOf(typeof(Entry));
        IntPtr table = Marshal.AllocHGlobal(2 * size);
        for (int i = 0; i < 2 * size; i++) Marshal.WriteByte(table, i, 0);
        Marshal.StructureToPtr(new Entry { Name = Name, Main = main }, table, false);
        return StartServiceCtrlDispatcherW(table) ? 0 : Marshal.GetLastWin32Error();
    }
}
