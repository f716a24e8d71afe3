// A model's mixers in words.
#pragma once

#include <string>

#include "models/spec/model_spec.h"

namespace orrery::models {

/// What the layers' mixers are: "18 x gqa-8, 18 x gqa-8 of 128 positions"; of alike layers that see every position the
/// design's name.
std::string DescribeMixers(const ModelSpec& spec);

}  // namespace orrery::models
