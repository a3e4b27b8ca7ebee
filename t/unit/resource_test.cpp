#include "resource/resource.hpp"

#include "resource_fixture.hpp"
#include "temporary_directory.hpp"

namespace token_introspect::resource {
namespace {

using test::resources;
using test::sentence;
using test::try_resources;

/// TYPE/ID@LINE of each, joined by spaces.
std::string outline(const Checked<std::vector<Resource>> &read)
{
    if (!read) {
        return read.error();
    }
    std::string all;
    for (const Resource &resource : *read) {
        const std::string place = resource.place();
        all += (all.empty() ? "" : " ") + resource.type + '/' + resource.id + '@'
               + place.substr(place.rfind(':') + 1);
    }
    return all;
}

TEST(Resource, ASingleOneAnArrayAndABundle)
{
    EXPECT_EQ(outline(try_resources(R"({"resourceType":"User","id":"a"})")), "User/a@1");
    EXPECT_EQ(outline(try_resources("[\n{\"resourceType\":\"User\",\"id\":\"a\"},\n"
                                    "{\"id\":\"b\",\"resourceType\":\"Role\"}]")),
              "User/a@2 Role/b@3");
    EXPECT_EQ(outline(try_resources("{\"resourceType\":\"Bundle\",\"type\":\"transaction\",\n"
                                    "\"entry\":[\n"
                                    "{\"request\":{\"method\":\"PUT\"},\n"
                                    "\"resource\":{\"resourceType\":\"Client\",\"id\":\"c\"}}]}")),
              "Client/c@4");
    EXPECT_EQ(outline(try_resources("[]")), "");
    EXPECT_EQ(outline(try_resources(R"({"resourceType":"Bundle"})")), "");
}

TEST(Resource, YamlHasTheSameForms)
{
    EXPECT_EQ(outline(try_resources("# users\nresourceType: User\nid: a\n---\n"
                                    "- resourceType: Role\n  id: b\n"
                                    "- resourceType: AccessPolicy\n  id: c\n---\n"
                                    "resourceType: Bundle\nentry:\n  - resource:\n"
                                    "      resourceType: TokenIntrospector\n      id: d\n")),
              "User/a@2 Role/b@5 AccessPolicy/c@7 TokenIntrospector/d@13");
}

TEST(Resource, TheFormatFollowsTheName)
{
    token_introspect::test::TemporaryDirectory directory;
    const std::string yaml = "resourceType: User\nid: a\n";
    const std::string json = R"({"resourceType":"User","id":"a"})";

    for (const std::string name : {"f.yaml", "f.yml", "f.YAML"}) {
        EXPECT_EQ(outline(read_resources(directory.write(name, yaml))), "User/a@1");
    }
    EXPECT_EQ(outline(read_resources(directory.write("f.json", json))), "User/a@1");
    EXPECT_EQ(outline(read_resources(directory.write("f", json))), "User/a@1");

    const std::string path = directory.write("g.json", yaml);
    EXPECT_EQ(sentence(read_resources(path)), path + ":1: not well-formed JSON");
    EXPECT_NE(sentence(read_resources(directory.path("none.json"))).find("No such file"),
              std::string::npos);
}

TEST(Resource, AFileWithoutAnythingIsAnError)
{
    token_introspect::test::TemporaryDirectory directory;

    const std::string yaml = directory.write("f.yaml", "# nothing yet\n");
    EXPECT_EQ(sentence(read_resources(yaml)), yaml + ": there is no resource in this file");
    const std::string json = directory.write("f.json", "");
    EXPECT_EQ(sentence(read_resources(json)), json + ": JSON is empty");
}

TEST(Resource, JsonIsStrict)
{
    EXPECT_EQ(sentence(try_resources("{\"resourceType\":\"User\",\n\"id\":\"a\",\n\"id\":\"b\"}")),
              "r.json:3: a JSON member name occurs twice");
    EXPECT_EQ(sentence(try_resources("{\n\"id\": 1,\n}")), "r.json:3: not well-formed JSON");
    EXPECT_EQ(sentence(try_resources("{}\n{}")), "r.json:2: text follows the JSON value");
    const std::string deep(kMostDepth, '[');
    EXPECT_EQ(sentence(try_resources(deep + '[' + ']' + std::string(kMostDepth, ']'))),
              "r.json: JSON is nested too deeply");
}

TEST(Resource, NeedsATypeThatIsKnown)
{
    EXPECT_EQ(sentence(try_resources("id: a\n")),
              "r.yaml:1: resourceType: is missing; it must be a string");
    EXPECT_EQ(sentence(try_resources("- resourceType: User\n  id: a\n- id: b\n")),
              "r.yaml:3: [1].resourceType: is missing; it must be a string");
    EXPECT_EQ(sentence(try_resources("id: a\nresourceType: Patient\n")),
              "r.yaml:2: resourceType: \"Patient\" is not supported; use TokenIntrospector, "
              "AccessPolicy, User, Role or Client");
    EXPECT_EQ(sentence(try_resources("- 1\n")),
              "r.yaml:1: [0]: must be an object: a resource with resourceType and id");
    EXPECT_NE(sentence(try_resources(R"({"resourceType":"Bundle","entry":[{}]})"))
                  .find("entry[0].resource: must be an object"),
              std::string::npos);
    EXPECT_NE(sentence(try_resources(
                           R"({"resourceType":"Bundle","entry":[{"resource":
                              {"resourceType":"Bundle"}}]})"))
                  .find("\"Bundle\" is not supported"),
              std::string::npos);
    EXPECT_NE(sentence(try_resources(R"({"resourceType":"Bundle","entry":{}})"))
                  .find("entry: must be an array, not an object"),
              std::string::npos);
}

TEST(Resource, NeedsAValidId)
{
    EXPECT_EQ(sentence(try_resources("\nresourceType: Role\nname: n\n")),
              "r.yaml:2: Role: id: is missing; it must be a string");
    EXPECT_EQ(sentence(try_resources("resourceType: User\nid: 007\n")),
              "r.yaml:2: User: id: must be a string, not a number; quote it");
    EXPECT_EQ(sentence(try_resources("resourceType: User\nid: ''\n")),
              "r.yaml:2: User: id: is empty");
    EXPECT_EQ(outline(try_resources("resourceType: Client\nid: " + std::string(64, 'x') + "\n")),
              "Client/" + std::string(64, 'x') + "@1");
    for (const std::string &id : {std::string(65, 'x'), std::string("a/b"), std::string("a b"),
                                  std::string("\xc3\xa9"), std::string("a\\n")})
    {
        EXPECT_NE(sentence(try_resources("resourceType: Client\nid: \"" + id + "\"\n"))
                      .find("r.yaml:2: Client: id: must have at most 64 characters"),
                  std::string::npos)
            << id;
    }
}

TEST(Resource, AUsersIdIsWhatTokensSay)
{
    EXPECT_EQ(outline(try_resources("resourceType: User\nid: auth0|a/b@c \xc3\xa9\n")),
              "User/auth0|a/b@c \xc3\xa9@1");
    EXPECT_NE(sentence(try_resources("resourceType: User\nid: \"a\\nb\"\n"))
                  .find("no control characters"),
              std::string::npos);
    EXPECT_NE(sentence(try_resources("resourceType: User\nid: " + std::string(256, 'x') + "\n"))
                  .find("at most 255 bytes"),
              std::string::npos);
}

TEST(Resource, LinesOfJsonAreThoseOfTheText)
{
    const auto all = resources("{\"resourceType\": \"User\",\n"
                               " \"id\": \"a\",\n"
                               " \"t\": \"\\\"}\\\\\", \"b\": true,\n"
                               " \"x\\u0041\": {\"n\":\n"
                               "   -1.5e3, \"e\": [ ], \"o\": {}},\n"
                               "\r\n"
                               " \"l\": [null, [1,\n"
                               "   \"\"]]}");
    const Attribute root = all.at(0).root();

    const auto line = [](const Attribute &at) {
        const std::string text = at.sentence("");
        return text.substr(0, text.find(": "));
    };
    EXPECT_EQ(line(root.member("id")), "r.json:2");
    EXPECT_EQ(line(root.member("t")), "r.json:3");
    EXPECT_EQ(line(root.member("xA").member("n")), "r.json:5");
    EXPECT_EQ(line(root.member("xA").member("o")), "r.json:5");
    EXPECT_EQ(line(root.member("l")), "r.json:7");
    EXPECT_EQ(line(root.member("l").element(1).element(1)), "r.json:8");
    // `true` and what is absent: the line of what they are in
    EXPECT_EQ(line(root.member("b")), "r.json:1");
    EXPECT_EQ(line(root.member("xA").member("absent")), "r.json:4");
}

TEST(Resource, IdsOfOneTypeDiffer)
{
    const auto all = resources("- {resourceType: User, id: a}\n- {resourceType: Role, id: a}\n"
                               "- {resourceType: User, id: b}\n\n- {resourceType: User, id: a}\n");

    EXPECT_EQ(check_unique(std::span(all).first(3)), std::nullopt);
    EXPECT_EQ(check_unique(all), "r.yaml:5: User \"a\": is defined already in r.yaml:1; ids of one "
                                 "type have to differ");
}

TEST(Resource, OutlivesItsNeighbours)
{
    auto all = resources("- {resourceType: User, id: a, data: {x: 1}}\n"
                         "- {resourceType: User, id: b}\n");
    const Resource kept = std::move(all.front());
    all.clear();

    EXPECT_EQ(test::dump(kept.json.get()), R"({"resourceType":"User","id":"a","data":{"x":1}})");
    EXPECT_EQ(kept.sentence("text"), "r.yaml:1: User \"a\": text");
}

}  // namespace
}  // namespace token_introspect::resource
