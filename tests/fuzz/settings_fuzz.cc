// --set KEY=VALUE, one a line, over a scenario that names presets.
#include <string>
#include <vector>

#include "scenarios/schema/scenario.h"
#include "tests/fuzz/fuzz.h"

using namespace orrery;

ORRERY_FUZZ(text) {
  std::vector<std::string> settings;
  for (std::string_view rest = text; !rest.empty();) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(line.size() == rest.size() ? line.size() : line.size() + 1);
    settings.emplace_back(line);
  }
  Document document = Document::Parse(
      "name: n\nmodel: deepseek-v3\ncluster: h800-2048\nparallelism: {pipeline: 16, layers: [1, 2]}\nseed: "
      "1\n",
      "scenario.yaml");
  scenarios::ApplyOverrides(settings, &document);
  document.Canonical();
  document.root().At("model");
}
