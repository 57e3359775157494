using System;
using System.Collections.Generic;

namespace Spatia.Bridge
{
    /// <summary>Which transport an address is reached by: WebSocket for ws:// and wss://, what else registered itself for
    /// others.</summary>
    public static class SpatiaTransports
    {
        static readonly Dictionary<string, Func<ITransport>> Makers = new Dictionary<string, Func<ITransport>>
        {
            { "ws", () => new WebSocketTransport() },
            { "wss", () => new WebSocketTransport() },
        };

        /// <summary>Addresses that begin with scheme:// are reached by what this makes.</summary>
        public static void Register(string scheme, Func<ITransport> make) { Makers[scheme] = make; }

        /// <summary>A transport for any address that there is one for.</summary>
        public static ITransport Any() { return new SchemeTransport(); }

        sealed class SchemeTransport : ITransport
        {
            ITransport _current;
            ITransportEvents _events;
            string _fault;

            public void Open(string url, ITransportEvents events)
            {
                Close();
                _events = events;
                Uri address;
                Func<ITransport> make;
                if (!Uri.TryCreate(url, UriKind.Absolute, out address))
                {
                    _fault = "\"" + url + "\" is no address; ws://host:port is one";
                }
                else if (!Makers.TryGetValue(address.Scheme, out make))
                {
                    _fault = "there is no transport for " + address.Scheme + "://";
                }
                else
                {
                    _current = make();
                    _current.Open(url, events);
                }
            }

            public void Send(byte[] packet) { if (_current != null) _current.Send(packet); }

            public void Close()
            {
                if (_current != null) _current.Dispose();
                _current = null;
                _fault = null;
            }

            public void Poll(double budgetSecs)
            {
                string fault = _fault;
                _fault = null;
                if (fault != null) _events.OnClosed(fault);
                else if (_current != null) _current.Poll(budgetSecs);
            }

            public void Dispose() { Close(); }
        }
    }
}
