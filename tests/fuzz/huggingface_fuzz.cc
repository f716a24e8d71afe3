// Hugging Face configurations, and the model they become.
#include "core/document.h"
#include "models/huggingface.h"
#include "models/model_spec.h"
#include "tests/fuzz/fuzz.h"

using namespace orrery;

ORRERY_FUZZ(text) {
  const Document document = Document::Parse(text, "config.json");
  models::CountParameters(models::ReadHuggingFace(document.root()));
}
