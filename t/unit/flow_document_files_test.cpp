#include "flow/document_files.hpp"

#include "flow_fixture.hpp"
#include "temporary_directory.hpp"

namespace token_introspect::test {
namespace {

using flow::Document;
using flow::DocumentFiles;

class DocumentFilesTest : public FlowTest {
protected:
    std::string load(DocumentFiles &files, const flow::Introspector &introspector,
                     Document document = Document::kKeySet)
    {
        const auto saved = files.load(introspector, document, now_, 3600);
        return saved ? saved->text : "none";
    }

    flow::Introspector &saving(const std::string &name, std::uint8_t identity)
    {
        flow::Introspector &introspector = jwt(name);
        introspector.document_identity.fill(identity);
        return introspector;
    }

    [[nodiscard]] std::string directory() const { return directory_.path("."); }

    TemporaryDirectory directory_;
    FakeHost host_;
    DocumentFiles files_{directory(), host_};
};

TEST_F(DocumentFilesTest, SurvivesTheProcess)
{
    const flow::Introspector &idp = saving("idp", 1);
    files_.save(idp, Document::kKeySet, now_, "{}");
    pass_s(3600);

    DocumentFiles next(directory(), host_);
    const auto saved = next.load(idp, Document::kKeySet, now_, 3600);
    ASSERT_TRUE(saved);
    EXPECT_EQ(saved->text, "{}");
    EXPECT_EQ(saved->fetched_at_s, kStart);
    EXPECT_TRUE(host_.reports.empty());
}

TEST_F(DocumentFilesTest, EachIntrospectorAndDocumentHasItsOwn)
{
    flow::Introspector &a = saving("a", 1);
    const flow::Introspector &b = saving("b", 2);
    a.discovery_uris = {"/metadata"};
    a.jwks_uri.clear();
    files_.save(a, Document::kKeySet, now_, "keys of a");
    files_.save(a, Document::kMetadata, now_, "metadata of a");
    files_.save(b, Document::kKeySet, now_, "keys of b");

    EXPECT_EQ(load(files_, a), "keys of a");
    EXPECT_EQ(load(files_, a, Document::kMetadata), "metadata of a");
    EXPECT_EQ(load(files_, b), "keys of b");
    EXPECT_EQ(load(files_, b, Document::kMetadata), "none");
    EXPECT_TRUE(host_.reports.empty());
}

TEST_F(DocumentFilesTest, EditsThatDoNotConcernDocumentsKeepThem)
{
    flow::Introspector &idp = saving("idp", 1);
    files_.save(idp, Document::kKeySet, now_, "{}");
    idp.fingerprint.fill(77);
    idp.rules.audiences = {"another"};
    EXPECT_EQ(load(files_, idp), "{}");
    idp.document_identity.fill(2);
    EXPECT_EQ(load(files_, idp), "none");
}

TEST_F(DocumentFilesTest, OnlyPublicDocumentsThatAreKeptAreSaved)
{
    flow::Introspector &idp = saving("idp", 1);
    EXPECT_TRUE(DocumentFiles::serve(idp));
    const auto nothing_is_saved = [&] {
        for (const auto document :
             {Document::kKeySet, Document::kMetadata, Document::kIntrospection, Document::kUser})
        {
            files_.save(idp, document, now_, "{}");
            EXPECT_EQ(load(files_, idp, document), "none");
        }
        EXPECT_FALSE(DocumentFiles::serve(idp));
        EXPECT_TRUE(std::filesystem::is_empty(directory()));
    };

    idp.cache_ttl_ms = 0;
    nothing_is_saved();
    idp.cache_ttl_ms = 1000;
    idp.algorithms.add(jose::Algorithm::kHS256);  // the set may hold secrets
    nothing_is_saved();
    idp.algorithms = {};
    idp.keys = {{.value = kSecret, .options = {}}};
    nothing_is_saved();
    idp.keys.clear();
    idp.kind = flow::Kind::kOpaque;
    nothing_is_saved();
}

TEST_F(DocumentFilesTest, ProblemIsReportedOnceUntilItChanges)
{
    const flow::Introspector &idp = saving("idp", 1);
    files_.save(idp, Document::kKeySet, now_, "{}");
    const std::string file = directory() + "/01010101010101010101010101010101.keys";
    ASSERT_EQ(::chmod(file.c_str(), 0666), 0);
    EXPECT_EQ(load(files_, idp), "none");
    EXPECT_EQ(load(files_, idp), "none");
    ASSERT_EQ(host_.reports.size(), 1U);
    EXPECT_EQ(host_.reports[0].severity, Severity::kWarn);
    EXPECT_EQ(host_.reports[0].peer, "idp");
    EXPECT_EQ(host_.reports[0].text,
              "the key set cannot be used: \"" + file + "\" may be written by its group or others");

    ASSERT_EQ(::chmod(file.c_str(), 0600), 0);
    EXPECT_EQ(load(files_, idp), "{}");
    ASSERT_EQ(::chmod(file.c_str(), 0666), 0);
    EXPECT_EQ(load(files_, idp), "none");
    EXPECT_EQ(host_.reports.size(), 2U);

    pass_s(3601);
    ASSERT_EQ(::chmod(file.c_str(), 0600), 0);
    EXPECT_EQ(load(files_, idp), "none");
    pass_s(1);
    EXPECT_EQ(load(files_, idp), "none");
    ASSERT_EQ(host_.reports.size(), 3U);
    EXPECT_NE(host_.reports[2].text.find("more than 3600 seconds ago"), std::string::npos);
}

TEST_F(DocumentFilesTest, SaveThatFailsIsReportedOnce)
{
    const flow::Introspector &idp = saving("idp", 1);
    DocumentFiles files(directory_.path("missing"), host_);
    files.save(idp, Document::kKeySet, now_, "{}");
    files.save(idp, Document::kKeySet, now_, "{}");

    ASSERT_EQ(host_.reports.size(), 1U);
    EXPECT_EQ(host_.reports[0].text, "the key set cannot be saved: cannot open \""
                                         + directory_.path("missing")
                                         + "\": No such file or directory");
}

}  // namespace
}  // namespace token_introspect::test
