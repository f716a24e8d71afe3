// Scenario files: found by name, changed by --set, old keys understood.
#pragma once

#include <string>
#include <vector>

#include "core/config/document.h"

namespace orrery::scenarios {

/// Scenarios that come with Orrery.
std::vector<std::string> ScenarioNames();

/// The document of a scenario: a path, or the name of a file in scenarios/; `overrides` are "key.path=value".
/// Keys that have another name now stand under it (schema_version.h).
Document LoadScenarioDocument(const std::string& file_or_name, const std::vector<std::string>& overrides);

/// Applies each "key.path=value" as Document::Set, in order; `cluster.x`, `cluster.device.x`, `device.x` and
/// `model.x` also where the document only names a preset, then as an override of it. InputError without an
/// equals sign, and where one would replace a section with what an earlier one has set in it.
void ApplyOverrides(const std::vector<std::string>& settings, Document* document);

/// What was changed on the line that its name may not say, "parallelism.expert 8": every key but name, seed and
/// calibration.
std::vector<std::string> ChangedSubjects(const Document& document);
/// Whether its name still says what is asked: nothing of that was changed, or the name was given on the line too.
bool NamesItself(const Document& document);

/// What the document asks for: "pretraining", "attention", ...
std::string WorkloadKind(const Document& document);

}  // namespace orrery::scenarios
