// Tables of measured exchanges.
#include "hw/comm/collective_table.h"
#include "hw/comm/deepep_table.h"
#include "hw/comm/node_exchange.h"
#include "tests/fuzz/fuzz.h"

using namespace orrery;

ORRERY_FUZZ(text) {
  const Document document = Document::Parse(text, "deepep.yaml");
  fuzz::Try([&] { hw::ReadDeepEpTable(document.root()); });
  fuzz::Try([&] { hw::FitNormal(hw::ReadNodeExchangeTable(document.root()), {450e9}); });
  hw::ReadCollectiveTable(document.root());
}
