// Hugging Face configurations, and the model they become.
#include "core/config/document.h"
#include "models/spec/huggingface.h"
#include "models/spec/model_spec.h"
#include "models/spec/parameters.h"
#include "tests/fuzz/fuzz.h"

using namespace orrery;

ORRERY_FUZZ(text) {
  const Document document = Document::Parse(text, "config.json");
  models::CountParameters(models::ReadHuggingFace(document.root()));
}
