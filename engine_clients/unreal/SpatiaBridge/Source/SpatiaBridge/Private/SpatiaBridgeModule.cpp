#include "Modules/ModuleManager.h"

#include "SpatiaLog.h"

DEFINE_LOG_CATEGORY(LogSpatia);

IMPLEMENT_MODULE(FDefaultModuleImpl, SpatiaBridge)
