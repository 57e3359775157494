// The level that is being edited: its bridge, the view onto it, new actors as steps of undo.
#pragma once

#include "CoreMinimal.h"

class ASpatiaMemoryActor;
class ASpatiaRegion;
class USpatiaBridgeComponent;
struct FSpatiaSight;

namespace SpatiaEditorScene {

/** The bridge of the level that is open; null if it has none. */
USpatiaBridgeComponent* Bridge();
/** What the level's perspective viewport sees; false: there is none. */
bool Sight(FSpatiaSight& Found);
ASpatiaMemoryActor* AddMemory();
/** Three metres before the view. */
ASpatiaRegion* AddRegion();

}  // namespace SpatiaEditorScene
