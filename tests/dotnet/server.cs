// server.cs NAME HOW [THREADS]: a service in the shape of nearly every sample. It reads a text up to a NUL and answers
// it reversed. HOW is
//   anew          a new stream for each client, and no other while one is served; several threads do so side by side
//   again         one stream for each thread, which is disconnected and waits for the next client
//   current-user  as `anew`, and only for clients of the service's own user
//   who           as `anew`, and answers its process id
//   silent        takes clients and never answers them
//   deaf          listens and takes nobody
using System;
using System.Diagnostics;
using System.IO;
using System.IO.Pipes;
using System.Text;
using System.Threading;

public static class Server
{
    // PipeOptions.CurrentUserOnly, which mono's compiler does not know.
    const PipeOptions CurrentUserOnly = (PipeOptions)0x20000000;

    static NamedPipeServerStream Make(string name, int instances, string how)
    {
        PipeOptions options = how == "current-user" ? CurrentUserOnly : PipeOptions.None;
        return new NamedPipeServerStream(name, PipeDirection.InOut, instances, PipeTransmissionMode.Byte, options);
    }

    static void Answer(NamedPipeServerStream pipe, string how)
    {
        MemoryStream text = new MemoryStream();
        byte[] buffer = new byte[4096];
        while (true)
        {
            int got = pipe.Read(buffer, 0, buffer.Length);
            if (got == 0) return;
            text.Write(buffer, 0, got);
            if (buffer[got - 1] == 0) break;
        }
        if (how == "silent") Thread.Sleep(-1);
        char[] characters = Encoding.UTF8.GetString(text.ToArray()).TrimEnd('\0').ToCharArray();
        Array.Reverse(characters);
        string reply = how == "who" ? Process.GetCurrentProcess().Id.ToString() : new string(characters);
        byte[] answer = Encoding.UTF8.GetBytes(reply);
        pipe.Write(answer, 0, answer.Length);
    }

    static void Serve(string name, int instances, string how)
    {
        NamedPipeServerStream kept = how == "again" || how == "deaf" ? Make(name, instances, how) : null;
        if (how == "deaf") Thread.Sleep(-1);
        while (true)
        {
            NamedPipeServerStream pipe = kept == null ? Make(name, instances, how) : kept;
            try
            {
                pipe.WaitForConnection();
                Answer(pipe, how);
                pipe.Disconnect();
            }
            catch (Exception error)
            {
                Console.Error.WriteLine(error.GetType().Name + ": " + error.Message);
            }
            if (kept == null) pipe.Dispose();
        }
    }

    public static int Main(string[] words)
    {
        string name = words[0], how = words[1];
        int threads = words.Length > 2 ? int.Parse(words[2]) : 1;
        Console.Error.WriteLine("service " + Process.GetCurrentProcess().Id + " on " + Environment.Version);
        for (int i = 1; i < threads; i++)
        {
            Thread thread = new Thread(delegate() { Serve(name, threads, how); });
            thread.IsBackground = true;
            thread.Start();
        }
        Serve(name, threads, how);
        return 0;
    }
}
