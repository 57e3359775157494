using System;
using System.Collections.Concurrent;
using System.Collections.Generic;
using System.Threading;
using System.Threading.Tasks;
using Grpc.Core;
using Spatia.Bridge;

/// <summary>A duplex call whose other end is a list of messages.</summary>
sealed class GrpcCall : CallInvoker, IClientStreamWriter<byte[]>, IAsyncStreamReader<byte[]>, ITransportEvents
{
    readonly Queue<byte[]> _answers = new Queue<byte[]>();
    readonly ConcurrentQueue<byte[]> _written = new ConcurrentQueue<byte[]>();
    readonly TaskCompletionSource<bool> _completed = new TaskCompletionSource<bool>();
    readonly List<ArraySegment<byte>> _packets = new List<ArraySegment<byte>>();
    readonly List<string> _events = new List<string>();
    volatile bool _disposed;

    /// <summary>The server's messages in protobuf as data of packets, those of the client in msgpack as packets: the first of the
    /// command's packets are the client's, Numbers[0] of them → what the server would have read, then what the session
    /// would.</summary>
    public static void Run(Command command, Answer answer)
    {
        var call = new GrpcCall();
        var sent = (int)command.Numbers[0];
        for (int i = sent; i < command.Packets.Count; ++i) call._answers.Enqueue(Bytes(command.Packets[i]));
        var transport = new GrpcTransport(url => { call._events.Add(url); return call; });
        transport.Open("http://somewhere:1", call);
        for (int i = 0; i < sent; ++i) transport.Send(Bytes(command.Packets[i]));
        int awaited = (int)command.Numbers[1];
        SpinWait.SpinUntil(() => call._written.Count == awaited, 20000);
        SpinWait.SpinUntil(() => { transport.Poll(0.01); return call._events.Contains("closed: no more") || call._answers.Count == 0; }, 20000);
        for (int i = 0; i < 10; ++i) { Thread.Sleep(5); transport.Poll(0.01); }
        transport.Close();
        SpinWait.SpinUntil(() => call._disposed, 20000);
        answer.Ok = call._disposed && call._completed.Task.IsCompleted;
        foreach (byte[] each in call._written) answer.Packets.Add(new ArraySegment<byte>(each));
        answer.Packets.AddRange(call._packets);
        answer.Events = call._events;
    }

    static byte[] Bytes(ArraySegment<byte> data)
    {
        var copy = new byte[data.Count];
        Buffer.BlockCopy(data.Array, data.Offset, copy, 0, data.Count);
        return copy;
    }

    public override AsyncDuplexStreamingCall<TRequest, TResponse> AsyncDuplexStreamingCall<TRequest, TResponse>(
        Method<TRequest, TResponse> method, string host, CallOptions options)
    {
        _events.Add(method.Type + " " + method.FullName);
        return new AsyncDuplexStreamingCall<TRequest, TResponse>(
            (IClientStreamWriter<TRequest>)(object)this, (IAsyncStreamReader<TResponse>)(object)this, () => _disposed = true);
    }

    public Task WriteAsync(byte[] message)
    {
        _written.Enqueue(message);
        return Task.FromResult(true);
    }

    public Task CompleteAsync()
    {
        _completed.TrySetResult(true);
        return _completed.Task;
    }

    public byte[] Current { get; private set; }

    public async Task<bool> MoveNext(CancellationToken cancellationToken)
    {
        if (_answers.Count == 0) return !await _completed.Task;  // the server ends when the client does
        Current = _answers.Dequeue();
        return true;
    }

    public void OnOpen() { _events.Add("open"); }
    public void OnPacket(ArraySegment<byte> packet) { _packets.Add(packet); }
    public void OnClosed(string reason) { _events.Add("closed: " + reason); }
}
