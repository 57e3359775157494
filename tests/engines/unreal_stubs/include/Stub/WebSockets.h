// Stand-ins for the WebSockets module; a test says what sockets are.
#pragma once

#include "Stub/Core.h"

class IWebSocket {
public:
    virtual ~IWebSocket() = default;
    virtual void Connect() = 0;
    virtual void Close(int32 Code = 1000, const FString& Reason = FString()) = 0;
    virtual bool IsConnected() = 0;
    virtual void Send(const void* Data, SIZE_T Size, bool bIsBinary = false) = 0;

    DECLARE_EVENT(IWebSocket, FWebSocketConnectedEvent);
    virtual FWebSocketConnectedEvent& OnConnected() = 0;
    DECLARE_EVENT_OneParam(IWebSocket, FWebSocketConnectionErrorEvent, const FString&);
    virtual FWebSocketConnectionErrorEvent& OnConnectionError() = 0;
    DECLARE_EVENT_ThreeParams(IWebSocket, FWebSocketClosedEvent, int32, const FString&, bool);
    virtual FWebSocketClosedEvent& OnClosed() = 0;
    DECLARE_EVENT_ThreeParams(IWebSocket, FWebSocketBinaryMessageEvent, const void*, SIZE_T, bool);
    virtual FWebSocketBinaryMessageEvent& OnBinaryMessage() = 0;
};

class FWebSocketsModule {
public:
    static FWebSocketsModule& Get() {
        static FWebSocketsModule One;
        return One;
    }
    TSharedRef<IWebSocket> CreateWebSocket(const FString& Url, const FString& Protocol = FString()) { return StubMake(Url, Protocol); }
    std::function<TSharedRef<IWebSocket>(const FString&, const FString&)> StubMake;
};
