using System;
using System.Net.Http;
using System.Threading;
using System.Threading.Tasks;
using Grpc.Core;
using Grpc.Net.Client;
using Spatia.Bridge.Protocol;

namespace Spatia.Bridge
{
    /// <summary>The live link by gRPC's Bridge.Connect, where Grpc.Net.Client is there. No generated code: the core writes and
    /// reads the messages, gRPC carries bytes. The session above still sees packets, as of any transport.</summary>
    public sealed class GrpcTransport : QueuedTransport
    {
        static readonly Marshaller<byte[]> Bytes = Marshallers.Create<byte[]>(data => data, data => data);
        static readonly Method<byte[], byte[]> ConnectMethod =
            new Method<byte[], byte[]>(MethodType.DuplexStreaming, "spatia.v1.Bridge", "Connect", Bytes, Bytes);

        /// <summary>What carries HTTP/2. Unity's own handler cannot, so set one that can (YetAnotherHttpHandler with Http2Only);
        /// null where .NET's can.</summary>
        public static Func<HttpMessageHandler> MakeHandler;

        readonly Func<string, CallInvoker> _invoker;

        /// <summary>By a channel of its own to the address, http://host:port.</summary>
        public GrpcTransport() { }

        /// <summary>By what makes calls to an address.</summary>
        public GrpcTransport(Func<string, CallInvoker> invoker) { _invoker = invoker; }

        protected override Connection Connect(string url) { return new Call(url, _invoker); }

        sealed class Call : Connection
        {
            readonly string _url;
            readonly Func<string, CallInvoker> _invoker;
            readonly FragmentJoiner _fragments = new FragmentJoiner();
            readonly PacketWriter _packets = new PacketWriter();
            GrpcChannel _channel;
            AsyncDuplexStreamingCall<byte[], byte[]> _call;

            public Call(string url, Func<string, CallInvoker> invoker)
            {
                _url = url;
                _invoker = invoker;
            }

            protected override async Task<string> Live(CancellationToken over)
            {
                CallInvoker invoker = _invoker != null ? _invoker(_url) : Channel().CreateCallInvoker();
                _call = invoker.AsyncDuplexStreamingCall(ConnectMethod, null, new CallOptions(cancellationToken: over));
                Opened();
                return await UntilOver(SendAll(), ReceiveAll(over)).ConfigureAwait(false);
            }

            GrpcChannel Channel()
            {
                var options = new GrpcChannelOptions { MaxReceiveMessageSize = FragmentJoiner.MaxMessageBytes };
                if (MakeHandler != null) options.HttpHandler = MakeHandler();
                _channel = GrpcChannel.ForAddress(_url, options);
                return _channel;
            }

            protected override void Free()
            {
                if (_call != null) _call.Dispose();
                if (_channel != null) _channel.Dispose();
            }

            async Task SendAll()
            {
                byte[] packet;
                while ((packet = await ToSend().ConfigureAwait(false)) != null)
                {
                    var message = FieldReader.Decode<ClientMessage>(new ArraySegment<byte>(packet));
                    if (message.Fragment != null)
                    {
                        byte[] whole = _fragments.Add(message.Fragment);
                        if (whole == null) continue;
                        message = FieldReader.Decode<ClientMessage>(new ArraySegment<byte>(whole));
                    }
                    await _call.RequestStream.WriteAsync(ProtobufWriter.Encode(message)).ConfigureAwait(false);
                }
                await _call.RequestStream.CompleteAsync().ConfigureAwait(false);
            }

            /// <summary>Until the link ends; why it did.</summary>
            async Task<string> ReceiveAll(CancellationToken over)
            {
                try
                {
                    while (await _call.ResponseStream.MoveNext(over).ConfigureAwait(false))
                    {
                        var message = ProtobufReader.Decode<ServerMessage>(new ArraySegment<byte>(_call.ResponseStream.Current));
                        foreach (byte[] packet in _packets.Packets(message)) await Came(packet).ConfigureAwait(false);
                    }
                }
                catch (RpcException error)
                {
                    return error.Status.Detail;
                }
                return "the server closed the link";
            }
        }
    }
}
