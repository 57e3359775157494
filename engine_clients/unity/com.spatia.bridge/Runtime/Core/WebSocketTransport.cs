using System;
using System.IO;
using System.Net.WebSockets;
using System.Threading;
using System.Threading.Tasks;

namespace Spatia.Bridge
{
    /// <summary>A WebSocket by System.Net.WebSockets, which Unity has on every platform but WebGL.</summary>
    public sealed class WebSocketTransport : QueuedTransport
    {
        protected override Connection Connect(string url) { return new Socket(url); }

        sealed class Socket : Connection
        {
            readonly ClientWebSocket _socket = new ClientWebSocket();
            readonly string _url;

            public Socket(string url)
            {
                _url = url;
                _socket.Options.AddSubProtocol(PacketWriter.Subprotocol);
            }

            protected override async Task<string> Live(CancellationToken over)
            {
                try
                {
                    await _socket.ConnectAsync(new Uri(_url), over).ConfigureAwait(false);
                }
                catch (Exception error)
                {
                    return "nobody answers at " + _url + ": " + Innermost(error).Message;
                }
                if (_socket.SubProtocol != PacketWriter.Subprotocol) return "the server does not speak " + PacketWriter.Subprotocol;
                Opened();
                return await UntilOver(SendAll(over), ReceiveAll(over)).ConfigureAwait(false);
            }

            protected override void Free() { _socket.Dispose(); }

            async Task SendAll(CancellationToken over)
            {
                byte[] packet;
                while ((packet = await ToSend().ConfigureAwait(false)) != null)
                {
                    var data = new ArraySegment<byte>(packet);
                    await _socket.SendAsync(data, WebSocketMessageType.Binary, true, over).ConfigureAwait(false);
                }
                await _socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, "", over).ConfigureAwait(false);
            }

            /// <summary>Until the link ends; why it did.</summary>
            async Task<string> ReceiveAll(CancellationToken over)
            {
                var buffer = new ArraySegment<byte>(new byte[16 << 10]);
                var message = new MemoryStream();
                while (true)
                {
                    WebSocketReceiveResult got = await _socket.ReceiveAsync(buffer, over).ConfigureAwait(false);
                    if (got.MessageType == WebSocketMessageType.Close) return _socket.CloseStatusDescription;
                    if (got.MessageType != WebSocketMessageType.Binary) return "the server sent a text message";
                    message.Write(buffer.Array, 0, got.Count);
                    if (message.Length > PacketReader.MaxPacketBytes) return "the server sent too large a message";
                    if (!got.EndOfMessage) continue;
                    await Came(message.ToArray()).ConfigureAwait(false);
                    message.SetLength(0);
                }
            }
        }
    }
}
