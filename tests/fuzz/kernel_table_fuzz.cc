// Tables of measured kernels.
#include "hw/cost/kernel_table.h"
#include "tests/fuzz/fuzz.h"

using namespace orrery;

ORRERY_FUZZ(text) {
  const Document document = Document::Parse(text, "table.yaml");
  for (const hw::KernelRow& row : hw::ParseKernelTable(document.root()).rows) hw::RowText(row);
}
