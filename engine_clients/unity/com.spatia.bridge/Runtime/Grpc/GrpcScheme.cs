using UnityEngine;

namespace Spatia.Bridge
{
    /// <summary>Lets a SpatiaBridge connect to http:// and https:// addresses.</summary>
    static class GrpcScheme
    {
#if UNITY_EDITOR
        [UnityEditor.InitializeOnLoadMethod]
#endif
        [RuntimeInitializeOnLoadMethod(RuntimeInitializeLoadType.BeforeSceneLoad)]
        static void Register()
        {
#if SPATIA_HTTP2
            if (GrpcTransport.MakeHandler == null)
            {
                GrpcTransport.MakeHandler = () => new Cysharp.Net.Http.YetAnotherHttpHandler { Http2Only = true };
            }
#endif
            SpatiaTransports.Register("http", () => new GrpcTransport());
            SpatiaTransports.Register("https", () => new GrpcTransport());
        }
    }
}
