// Data sheets of devices, and clusters.
#include "hw/device.h"
#include "hw/network/topology.h"
#include "tests/fuzz/fuzz.h"

using namespace orrery;

ORRERY_FUZZ(text) {
  const Document document = Document::Parse(text, "device.yaml");
  fuzz::Try([&] { hw::ReadDevice(document.root()); });
  hw::ReadCluster(document.root());
}
