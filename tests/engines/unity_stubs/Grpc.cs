// Grpc.Core.Api and Grpc.Net.Client as far as a duplex call of bytes goes.
using System;
using System.Net.Http;
using System.Threading;
using System.Threading.Tasks;

namespace Grpc.Core
{
    public enum MethodType { Unary, ClientStreaming, ServerStreaming, DuplexStreaming }
    public enum StatusCode { OK = 0, Unavailable = 14 }
    public sealed class Metadata { }

    public struct Status
    {
        public Status(StatusCode statusCode, string detail) { Detail = detail; }
        public string Detail { get; private set; }
    }

    public sealed class RpcException : Exception
    {
        public RpcException(Status status) { Status = status; }
        public Status Status { get; private set; }
    }

    public class Marshaller<T>
    {
        public Marshaller(Func<T, byte[]> serializer, Func<byte[], T> deserializer)
        {
            Serializer = serializer;
            Deserializer = deserializer;
        }

        public Func<T, byte[]> Serializer { get; private set; }
        public Func<byte[], T> Deserializer { get; private set; }
    }

    public static class Marshallers
    {
        public static Marshaller<T> Create<T>(Func<T, byte[]> serializer, Func<byte[], T> deserializer)
        {
            return new Marshaller<T>(serializer, deserializer);
        }
    }

    public class Method<TRequest, TResponse>
    {
        public Method(MethodType type, string serviceName, string name, Marshaller<TRequest> requestMarshaller, Marshaller<TResponse> responseMarshaller)
        {
            FullName = "/" + serviceName + "/" + name;
            Type = type;
        }

        public MethodType Type { get; private set; }
        public string FullName { get; private set; }
    }

    public struct CallOptions
    {
        public CallOptions(Metadata headers = null, DateTime? deadline = null, CancellationToken cancellationToken = default(CancellationToken))
        {
            CancellationToken = cancellationToken;
        }

        public CancellationToken CancellationToken { get; private set; }
    }

    public interface IClientStreamWriter<in T>
    {
        Task WriteAsync(T message);
        Task CompleteAsync();
    }

    public interface IAsyncStreamReader<out T>
    {
        T Current { get; }
        Task<bool> MoveNext(CancellationToken cancellationToken);
    }

    public sealed class AsyncDuplexStreamingCall<TRequest, TResponse> : IDisposable
    {
        readonly Action _dispose;

        public AsyncDuplexStreamingCall(IClientStreamWriter<TRequest> requestStream, IAsyncStreamReader<TResponse> responseStream, Action dispose)
        {
            RequestStream = requestStream;
            ResponseStream = responseStream;
            _dispose = dispose;
        }

        public IClientStreamWriter<TRequest> RequestStream { get; private set; }
        public IAsyncStreamReader<TResponse> ResponseStream { get; private set; }
        public void Dispose() { _dispose(); }
    }

    public abstract class CallInvoker
    {
        public abstract AsyncDuplexStreamingCall<TRequest, TResponse> AsyncDuplexStreamingCall<TRequest, TResponse>(
            Method<TRequest, TResponse> method, string host, CallOptions options)
            where TRequest : class where TResponse : class;
    }

    public abstract class ChannelBase { public abstract CallInvoker CreateCallInvoker(); }
}

namespace Grpc.Net.Client
{
    public sealed class GrpcChannelOptions
    {
        public int? MaxReceiveMessageSize { get; set; }
        public HttpMessageHandler HttpHandler { get; set; }
    }

    public sealed class GrpcChannel : Core.ChannelBase, IDisposable
    {
        public static GrpcChannel ForAddress(string address, GrpcChannelOptions channelOptions) { return new GrpcChannel(); }
        public override Core.CallInvoker CreateCallInvoker() { throw new NotSupportedException("the stub has no network"); }
        public void Dispose() { }
    }
}

namespace Cysharp.Net.Http
{
    public sealed class YetAnotherHttpHandler : HttpMessageHandler
    {
        public bool? Http2Only { get; set; }

        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            throw new NotSupportedException("the stub has no network");
        }
    }
}
