#include "gui/session/session_file.h"

#include <algorithm>
#include <filesystem>
#include <set>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/config/codecs.h"
#include "core/config/yaml_edit.h"
#include "scenarios/schema/calibration_field.h"

namespace orrery::gui {
namespace {

constexpr double kMost = 1e18;
constexpr std::size_t kMostBytes = std::size_t{1} << 30;  // of a file whose contents are compared

const Fields<SavedVariant>& VariantFields() {
  static const Fields<SavedVariant> fields = [] {
    using V = SavedVariant;
    Fields<V> f;
    f.Add("name", &V::name, Text(), "what the session calls it").Required();
    f.Add("file", &V::file, Text("file"), "that it was opened from");
    f.Add("dollars_per_gpu_hour", &V::dollars_per_gpu_hour, Maybe(Number(0, kMost)),
          "instead of the device's");
    f.Add("run_tokens", &V::run_tokens, Maybe(Number(1, kMost)), "instead of the scenario's");
    f.AddWith(
         "scenario", {FieldType::Kind::kMap, "a scenario", "", {}, {}, {}, {}},
         [](const Value& v, V* variant) {
           if (!v.is_map()) throw v.Error("expected the keys of a scenario");
           variant->scenario = WrittenOf(v);
         },
         [](const V& variant) { return variant.scenario; }, "in full")
        .Required();
    return f;
  }();
  return fields;
}

const Fields<SavedFile>& FileFields() {
  static const Fields<SavedFile> fields = [] {
    Fields<SavedFile> f;
    f.Add("path", &SavedFile::path, Text("file"), "that a scenario names").Required();
    f.Add("hash", &SavedFile::hash, Text(), "of its contents").Required();
    return f;
  }();
  return fields;
}

const Fields<SessionFile>& SessionFields() {
  static const Fields<SessionFile> fields = [] {
    using S = SessionFile;
    constexpr int kMostVariants = 10000;
    Fields<S> f;
    f.Add("orrery_session", &S::version, Whole<int>(1, 1), "of these keys").Required();
    f.Add("page", &S::page, Text(), "that was open");
    f.Add("shown", &S::shown, Whole<int>(0, kMostVariants), "variant, counted from 0");
    f.Add("against", &S::against, Whole<int>(-1, kMostVariants), "variant beside it; -1: none");
    f.Add("variants", &S::variants, ListOf(MapOf(VariantFields()), 1), "in order").Required();
    f.Add("files", &S::files, ListOf(MapOf(FileFields())), "beside the session");
    return f;
  }();
  return fields;
}

std::filesystem::path FolderOf(const std::string& file) {
  return std::filesystem::absolute(file).lexically_normal().parent_path();
}

/// Relative to `folder`, unless there is no way from it.
std::string Relative(const std::string& path, const std::filesystem::path& folder) {
  const std::string relative = std::filesystem::path(path).lexically_relative(folder).string();
  return relative.empty() ? path : relative;
}

/// Scalars that are one of `files`, made relative.
void MakeRelative(const std::set<std::string>& files, const std::filesystem::path& folder, Written* written) {
  if (written->kind == Written::Kind::kScalar) {
    if (files.contains(written->text)) written->text = Relative(written->text, folder);
    return;
  }
  for (Written& item : written->items) MakeRelative(files, folder, &item);
}

VariantPtr VariantOf(const SavedVariant& saved, int place, const std::string& file,
                     const std::vector<std::string>& changed) {
  auto variant = std::make_shared<Variant>();
  variant->id = place;
  variant->name = saved.name;
  variant->prices = {saved.dollars_per_gpu_hour, saved.run_tokens};
  const std::string own = saved.file.empty() ? "" : (FolderOf(file) / saved.file).lexically_normal().string();
  const auto beside_session = Plan::Parse(YamlText(saved.scenario), file, own);
  // Written once more its paths are absolute: the session's file may go.
  const auto written = Plan::Parse(YamlText(beside_session->written()), own, own);
  variant->plan = written;
  if (own.empty()) return variant;
  // Its own text has its comments, as long as it still says what the session holds.
  const bool same = scenarios::IsFile(own) && std::count(changed.begin(), changed.end(), own) == 0;
  if (!same) return variant;
  try {
    const auto loaded = Plan::Load(own);
    if (loaded->hash() == written->hash()) variant->plan = loaded;
  } catch (const InputError&) {
    // The file is no scenario any more: what the session holds counts.
  }
  return variant;
}

}  // namespace

std::string HashOfContents(const std::string& file) {
  try {
    return HashHex(ReadFile(file, kMostBytes));
  } catch (const InputError&) {
    return "";
  }
}

std::string SessionText(const std::vector<VariantPtr>& variants, int shown, int against,
                        const std::string& page, const std::string& file) {
  const std::filesystem::path folder = FolderOf(file);
  SessionFile session;
  session.page = page;
  session.shown = shown, session.against = against;
  std::set<std::string> files;
  for (const VariantPtr& variant : variants) {
    const Plan& plan = *variant->plan;
    const std::set<std::string> named(plan.files().begin(), plan.files().end());
    SavedVariant saved{variant->name, plan.file().empty() ? "" : Relative(plan.file(), folder),
                       variant->prices.dollars_per_gpu_hour, variant->prices.run_tokens, plan.written()};
    MakeRelative(named, folder, &saved.scenario);
    session.variants.push_back(std::move(saved));
    files.insert(named.begin(), named.end());
    if (scenarios::IsFile(plan.file())) files.insert(plan.file());
  }
  for (const std::string& named : files)
    session.files.push_back({Relative(named, folder), HashOfContents(named)});
  return YamlText(SessionFields().Write(session));
}

ReadSession LoadSession(const std::string& file) {
  ReadSession session;
  const std::string absolute = std::filesystem::absolute(file).lexically_normal().string();
  const Document document = Document::Load(absolute);
  session.saved = SessionFields().Read(document.root());
  for (const SavedFile& saved : session.saved.files) {
    const std::string path = (FolderOf(absolute) / saved.path).lexically_normal().string();
    if (HashOfContents(path) != saved.hash) session.changed.push_back(path);
  }
  const auto& variants = session.saved.variants;
  for (std::size_t i = 0; i < variants.size(); ++i)
    session.variants.push_back(VariantOf(variants[i], static_cast<int>(i), absolute, session.changed));
  const int count = static_cast<int>(variants.size());
  if (session.saved.shown >= count) session.saved.shown = 0;
  if (session.saved.against >= count) session.saved.against = -1;
  return session;
}

}  // namespace orrery::gui
