// Writers of an AttentionReport: pure functions.
#pragma once

#include <string>

#include <nlohmann/json_fwd.hpp>

#include "scenarios/studies/attention_report.h"

namespace orrery::scenarios {

/// Aligned text for people: one section a model.
std::string AttentionText(const AttentionReport& report);
/// Everything, with schema_version and units in the keys.
nlohmann::ordered_json AttentionJson(const AttentionReport& report);
/// One row per model, design, phase (decode or prefill), context and batch.
std::string AttentionCsv(const AttentionReport& report);

}  // namespace orrery::scenarios
