// The session's transport on Unreal's WebSockets module.
#pragma once

#include "CoreMinimal.h"

#include "Spatia/Transport.h"

class IWebSocket;

class FSpatiaWebSocket final : public spatia::Transport {
public:
    virtual ~FSpatiaWebSocket() override { close(); }

    virtual void open(const std::string& Url, spatia::TransportEvents& Events) override;
    virtual void send(spatia::Bytes Packet) override;
    virtual void close() override;

    /** Tells what happened; the session must not hear of it from within a call of its own. */
    void Poll();

private:
    enum class EHappened : uint8 { Opened, Packet, Closed };
    struct FHappened {
        EHappened What;
        spatia::Bytes Packet;
        std::string Reason;
    };

    void Join(const void* Data, SIZE_T Size, bool bIsLastFragment);
    void Note(EHappened What, spatia::Bytes Packet = {}, std::string Reason = {});

    TSharedPtr<IWebSocket> Socket;
    spatia::TransportEvents* Listener = nullptr;
    TArray<FHappened> Happened;
    spatia::Bytes Joined;
    uint64 Link = 0; // counts sockets: who calls out looks whether it is still in the one it was in
};
