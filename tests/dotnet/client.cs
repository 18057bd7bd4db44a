// client.cs NAME TIMEOUT TEXT           one call of a web form's click handler, in its order
// client.cs NAME TIMEOUT CALLS THREADS  many of them, and how they ended
using System;
using System.Diagnostics;
using System.IO;
using System.IO.Pipes;
using System.Threading;

public static class Client
{
    static int good, wrong;
    static string first = "";

    static string Call(string name, int timeout, string text)
    {
        using (NamedPipeClientStream pipe = new NamedPipeClientStream(".", name, PipeDirection.InOut))
        {
            pipe.Connect(timeout);
            StreamWriter writer = new StreamWriter(pipe);
            writer.AutoFlush = true;
            writer.Write(text + '\0');
            StreamReader reader = new StreamReader(pipe);
            return reader.ReadToEnd();
        }
    }

    static string Reversed(string text)
    {
        char[] characters = text.ToCharArray();
        Array.Reverse(characters);
        return new string(characters);
    }

    static void Many(string name, int timeout, int calls, int thread)
    {
        for (int i = 0; i < calls; i++)
        {
            string text = "call " + i + " of thread " + thread, why;
            try
            {
                string answer = Call(name, timeout, text);
                if (answer == Reversed(text)) { Interlocked.Increment(ref good); continue; }
                why = "'" + answer + "'";
            }
            catch (Exception error)
            {
                why = error.GetType().FullName + ": " + error.Message;
            }
            if (Interlocked.Increment(ref wrong) == 1) first = why;
        }
    }

    public static int Main(string[] words)
    {
        string name = words[0];
        int timeout = int.Parse(words[1]);
        Stopwatch watch = Stopwatch.StartNew();
        if (words.Length > 3)
        {
            Thread[] threads = new Thread[int.Parse(words[3])];
            for (int n = 0; n < threads.Length; n++)
            {
                int thread = n;
                threads[n] = new Thread(delegate() { Many(name, timeout, int.Parse(words[2]), thread); });
                threads[n].Start();
            }
            foreach (Thread thread in threads) thread.Join();
            Console.WriteLine(good + " right, " + wrong + " wrong " + first);
            return wrong == 0 ? 0 : 1;
        }
        try
        {
            Console.WriteLine("Processed Text: " + Call(name, timeout, words[2]));
            return 0;
        }
        catch (Exception error)
        {
            Console.WriteLine(error.GetType().FullName + " after " + watch.ElapsedMilliseconds + " ms: " + error.Message);
            return 1;
        }
    }
}
