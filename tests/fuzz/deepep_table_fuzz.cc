// Tables of measured exchanges.
#include "hw/comm/deepep_table.h"
#include "tests/fuzz/fuzz.h"

using namespace orrery;

ORRERY_FUZZ(text) { hw::ReadDeepEpTable(Document::Parse(text, "deepep.yaml").root()); }
