#include "SpatiaWebSocket.h"

#include "IWebSocket.h"
#include "WebSocketsModule.h"

#include "Spatia/Packets.h"
#include "SpatiaConvert.h"

void FSpatiaWebSocket::open(const std::string& Url, spatia::TransportEvents& Events) {
    close();
    Listener = &Events;
    Socket = FWebSocketsModule::Get().CreateWebSocket(SpatiaConvert::ToText(Url), FString(spatia::subprotocol));
    // A socket that was replaced may speak once more: it is not listened to.
    const auto Current = [this, From = Link] { return From == Link; };
    Socket->OnConnected().AddLambda([this, Current] {
        if (Current()) Note(EHappened::Opened);
    });
    Socket->OnConnectionError().AddLambda([this, Current](const FString& Error) {
        if (Current()) Note(EHappened::Closed, {}, SpatiaConvert::ToUtf8(Error));
    });
    Socket->OnClosed().AddLambda([this, Current](int32 Status, const FString& Reason, bool) {
        if (!Current()) return;
        const FString Said = Reason.IsEmpty() ? FString::Printf(TEXT("the connection closed with %d"), Status) : Reason;
        Note(EHappened::Closed, {}, SpatiaConvert::ToUtf8(Said));
    });
    Socket->OnBinaryMessage().AddLambda([this, Current](const void* Data, SIZE_T Size, bool bIsLastFragment) {
        if (Current()) Join(Data, Size, bIsLastFragment);
    });
    Socket->Connect();
}

void FSpatiaWebSocket::send(spatia::Bytes Packet) {
    if (Socket.IsValid()) Socket->Send(Packet.data(), Packet.size(), true);
}

void FSpatiaWebSocket::close() {
    ++Link;
    Listener = nullptr;
    Happened.Reset();
    Joined.clear();
    if (!Socket.IsValid()) return;
    // Its delegates hold `this`, and it may outlive this.
    Socket->OnConnected().Clear();
    Socket->OnConnectionError().Clear();
    Socket->OnClosed().Clear();
    Socket->OnBinaryMessage().Clear();
    Socket->Close();
    Socket.Reset();
}

void FSpatiaWebSocket::Poll() {
    const uint64 From = Link;
    TArray<FHappened> Now;
    Swap(Now, Happened);
    for (const FHappened& Each : Now) {
        if (From != Link) return; // a listener left, or opened another
        switch (Each.What) {
            case EHappened::Opened:
                Listener->on_open();
                break;
            case EHappened::Packet:
                Listener->on_packet(Each.Packet);
                break;
            case EHappened::Closed: {
                spatia::TransportEvents* Told = Listener;
                const std::string Reason = Each.Reason;
                close();
                Told->on_closed(Reason);
                return;
            }
        }
    }
}

// A message may come in pieces, of which the last is marked.
void FSpatiaWebSocket::Join(const void* Data, SIZE_T Size, bool bIsLastFragment) {
    if (Joined.size() + Size > spatia::max_packet_bytes) return Note(EHappened::Closed, {}, "a message larger than 64 KiB");
    const auto* First = static_cast<const std::uint8_t*>(Data);
    Joined.insert(Joined.end(), First, First + Size);
    if (!bIsLastFragment) return;
    Note(EHappened::Packet, MoveTemp(Joined));
    Joined.clear();
}

void FSpatiaWebSocket::Note(EHappened What, spatia::Bytes Packet, std::string Reason) {
    Happened.Add({What, MoveTemp(Packet), MoveTemp(Reason)});
}
