#include "schema_check.hpp"

#include <string>

namespace token_introspect::policy {
namespace {

using test::accepts;
using test::repeated;
using test::schema_fault;

struct Refused {
    const char *schema;
    const char *sentence;
};

void expect_refused(std::initializer_list<Refused> cases)
{
    for (const auto &[schema, sentence] : cases) {
        EXPECT_EQ(schema_fault(schema), sentence) << schema;
    }
}

TEST(JsonSchemaCompile, SchemasAreObjectsOrBooleans)
{
    EXPECT_TRUE(accepts("true", "1"));
    EXPECT_FALSE(accepts("false", "1"));
    expect_refused({
        {"1", "schema#: must be a schema: an object, true or false"},
        {"[]", "schema#: must be a schema: an object, true or false"},
        {R"({"properties": {"jwt": "x"}})",
         "schema#/properties/jwt: must be a schema: an object, true or false"},
        {R"({"additionalItems": 1})",
         "schema#/additionalItems: must be a schema: an object, true or false"},
        {R"({"definitions": {"a/b~c": null}})",
         "schema#/definitions/a~1b~0c: must be a schema: an object, true or false"},
        {R"({"dependencies": {"a": "b"}})",
         "schema#/dependencies/a: must be a schema: an object, true or false"},
        {R"({"items": [true, 5]})", "schema#/items/1: must be a schema: an object, true or false"},
    });
    EXPECT_FALSE(JsonSchema::compile(nullptr, test::compile_pcre, nullptr));
}

TEST(JsonSchemaCompile, ValuesOfKeywords)
{
    expect_refused({
        {R"({"required": "jwt"})", "schema#/required: must be a list of strings"},
        {R"({"required": ["jwt", 1]})", "schema#/required: must be a list of strings"},
        {R"({"required": ["a", "b", "a"]})", "schema#/required: has a string twice"},
        {R"({"properties": []})", "schema#/properties: must be an object of names with schemas"},
        {R"({"patternProperties": 1})",
         "schema#/patternProperties: must be an object of names with schemas"},
        {R"({"definitions": true})",
         "schema#/definitions: must be an object of names with schemas"},
        {R"({"dependencies": []})",
         "schema#/dependencies: must be an object of names with lists of "
         "names, or with schemas"},
        {R"({"dependencies": {"a": [1]}})", "schema#/dependencies/a: must be a list of strings"},
        {R"({"enum": "get"})", "schema#/enum: must be a list of values"},
        {R"({"type": "strin"})",
         "schema#/type: \"strin\" is no type; the types are array, boolean, "
         "integer, null, number, object, string"},
        {R"({"type": []})", "schema#/type: must be a type or a list of types"},
        {R"({"type": 1})", "schema#/type: must be a type or a list of types"},
        {R"({"type": ["string", "string"]})", "schema#/type: has a string twice"},
        {R"({"type": [["string"]]})", "schema#/type: must be a list of strings"},
        {R"({"minimum": "1"})", "schema#/minimum: must be a number"},
        {R"({"exclusiveMinimum": true})",
         "schema#/exclusiveMinimum: must be a number; where draft-04 has \"minimum\": 1 and "
         "\"exclusiveMinimum\": true, draft-07 has \"exclusiveMinimum\": 1"},
        {R"({"multipleOf": 0})", "schema#/multipleOf: must be a number above 0"},
        {R"({"multipleOf": -0.5})", "schema#/multipleOf: must be a number above 0"},
        {R"({"minLength": -1})", "schema#/minLength: must be a whole number, 0 or more"},
        {R"({"maxItems": 1.5})", "schema#/maxItems: must be a whole number, 0 or more"},
        {R"({"maxProperties": "1"})", "schema#/maxProperties: must be a whole number, 0 or more"},
        {R"({"uniqueItems": 1})", "schema#/uniqueItems: must be true or false"},
        {R"({"allOf": []})", "schema#/allOf: must be a list of schemas, at least one"},
        {R"({"anyOf": {}})", "schema#/anyOf: must be a list of schemas, at least one"},
        {R"({"items": []})", "schema#/items: must be a list of schemas, at least one"},
        {R"({"pattern": 1})", "schema#/pattern: must be a string, a regular expression"},
        {R"({"format": 1})", "schema#/format: must be a string"},
        {R"({"title": []})", "schema#/title: must be a string"},
        {R"({"readOnly": "yes"})", "schema#/readOnly: must be true or false"},
        {R"({"examples": 1})", "schema#/examples: must be a list"},
        {R"({"$id": 1})", "schema#/$id: must be a string"},
    });
}

TEST(JsonSchemaCompile, Patterns)
{
    expect_refused({
        {R"({"pattern": "("})",
         "schema#/pattern: is no regular expression that PCRE reads: missing "
         "closing parenthesis"},
        {R"({"patternProperties": {"[/": {}}})",
         "schema#/patternProperties/[~1: is no regular expression that PCRE reads: missing "
         "terminating ] for character class"},
    });
}

TEST(JsonSchemaCompile, ConstantBesideConst)
{
    expect_refused({
        {R"({"not": {"constant": 1, "const": 2}})",
         "schema#/not/constant: differs from \"const\", which means the same; leave one of them"},
    });
    EXPECT_EQ(schema_fault(R"({"constant": [1], "const": [1.0]})"), "");
}

TEST(JsonSchemaCompile, UnknownKeywords)
{
    constexpr const char *sentence = "is no keyword of draft-07, it would be ignored and more "
                                     "accepted than is meant; correct or remove it";
    EXPECT_EQ(schema_fault(R"({"properties": {"jwt": {"requird": ["iss"]}}})"),
              std::string("schema#/properties/jwt/requird: ") + sentence);
    for (const char *later : {"$defs", "dependentRequired", "unevaluatedProperties", "id",
                              "$anchor", "minContains", "prefixItems", "nullable", "Type"})
    {
        EXPECT_EQ(schema_fault("{\"" + std::string(later) + "\": {}}"),
                  "schema#/" + std::string(later) + ": " + sentence);
    }
    // A place for definitions is meant.
    EXPECT_EQ(schema_fault(R"({"$defs": {"a": {}, "b": 1}, "not": {"$ref": "#/$defs/a"}})"), "");
    EXPECT_EQ(schema_fault(R"({"a": {}, "not": {"$ref": "#/a"}})"), "");
    EXPECT_NE(schema_fault(R"({"a": {}, "ab": {}, "not": {"$ref": "#/ab"}})"), "");
}

TEST(JsonSchemaCompile, Dialects)
{
    for (const char *dialect :
         {"http://json-schema.org/draft-07/schema#", "http://json-schema.org/draft-07/schema"})
    {
        EXPECT_EQ(schema_fault(R"({"$schema": ")" + std::string(dialect) + "\"}"), "");
    }
    for (const char *dialect :
         {"http://json-schema.org/draft-06/schema#", "http://json-schema.org/draft-04/schema#",
          "https://json-schema.org/draft/2020-12/schema", "http://json-schema.org/schema#", ""})
    {
        EXPECT_EQ(schema_fault(R"({"$schema": ")" + std::string(dialect) + "\"}"),
                  "schema#/$schema: is another dialect, only draft-07 is understood; write the "
                  "schema for it and say \"http://json-schema.org/draft-07/schema#\", or nothing");
    }
    EXPECT_EQ(schema_fault(R"({"$schema": 7})"), "schema#/$schema: must be a string");
}

TEST(JsonSchemaCompile, ReferencesInside)
{
    constexpr const char *instance = R"({"a": 1})";
    for (
        const char *schema : {
            R"({"properties": {"a": {"$ref": "#/definitions/x"}}, "definitions": {"x": false}})",
            R"({"properties": {"a": {"$ref": "#/properties/b"}, "b": false}})",
            R"({"properties": {"a": {"$ref": "#/definitions/%25%7B"}},
                 "definitions": {"%{": false}})",
            R"({"properties": {"a": {"$ref": "#/definitions/x/anyOf/1"}},
                 "definitions": {"x": {"anyOf": [true, false]}}})",
            R"({"properties": {"a": {"$ref": "#x"}},
                 "definitions": {"x": {"$id": "#x", "type": "string"}}})",
            R"({"$id": "http://a/b/c", "properties": {"a": {"$ref": "d"}},
                 "definitions": {"x": {"$id": "http://a/b/d", "type": "string"}}})",
            R"({"$id": "http://a/b/c", "properties": {"a": {"$ref": "http://a/b/c#/definitions/x"}},
                 "definitions": {"x": false}})",
            R"({"$id": "http://a", "properties": {"a": {"$ref": "/d#/definitions/x"}},
                 "definitions": {"y": {"$id": "d", "definitions": {"x": false}}, "x": true}})",
            // in what has an $id, the pointer begins there
            R"({"properties": {"a": {"$id": "http://a/", "allOf": [{"$ref": "#/definitions/x"}],
                 "definitions": {"x": false}}}, "definitions": {"x": true}})",
            R"({"properties": {"a": {"$id": "http://a/", "allOf": [{"$ref": "#/u/v"}],
                 "u": {"v": {"allOf": [{"$ref": "#/definitions/x"}]}},
                 "definitions": {"x": false}}}, "definitions": {"x": true}})",
            // and only there
            R"({"allOf": [{"$id": "http://a/"}, {"$ref": "#/definitions/x"}],
                 "definitions": {"x": {"maxProperties": 0}}})",
            R"({"$id": "urn:x:y", "properties": {"a": {"$ref": "#/definitions/x"}},
                 "definitions": {"x": false}})",
            R"({"$ref": "#/definitions/x", "$comment": "c", "title": "t",
                 "definitions": {"x": {"maxProperties": 0}}})",
        })
    {
        EXPECT_FALSE(accepts(schema, instance)) << schema;
        EXPECT_TRUE(accepts(schema, "{}")) << schema;
    }
}

TEST(JsonSchemaCompile, ReferencesThatLeadNowhere)
{
    constexpr const char *outside =
        "leads out of this schema; nothing is fetched, put what is meant under \"definitions\" and "
        "refer to it like \"#/definitions/name\"";
    for (const char *reference :
         {"http://json-schema.org/draft-07/schema#", "other.json", "other.json#/definitions/a",
          "file:///etc/passwd", "//host/x", "/x", "?"})
    {
        EXPECT_EQ(schema_fault(R"({"not": {"$ref": ")" + std::string(reference) + "\"}}"),
                  std::string("schema#/not/$ref: ") + outside)
            << reference;
    }
    expect_refused({
        {R"({"$ref": 1})", "schema#/$ref: must be a string, like \"#/definitions/name\""},
        {R"({"$ref": "#/definitions/a"})",
         "schema#/$ref: leads nowhere, the schema has no \"/definitions/a\""},
        {R"({"$ref": "#/definitions/~2", "definitions": {"~2": true}})",
         "schema#/$ref: leads nowhere, the schema has no \"/definitions/~2\""},
        {R"({"items": [true, {"$ref": "#/items/00"}]})",
         "schema#/items/1/$ref: leads nowhere, the schema has no \"/items/00\""},
        {R"({"$ref": "#/definitions/%2"})",
         "schema#/$ref: has a \"%\" that is followed by no two hexadecimal digits"},
        {R"({"$ref": "#a"})", "schema#/$ref: leads nowhere; a JSON pointer begins with \"#/\", a "
                              "name needs its \"$id\": \"#name\" in the schema"},
        {R"({"not": {"$ref": "#/title"}, "title": "x"})",
         "schema#/title: must be a schema: an object, true or false"},
        {R"({"allOf": [{"$id": "#a"}, {"$id": "#a"}]})",
         "schema#/allOf/1/$id: this name is given twice; leave it at one place"},
        {R"({"$id": "http://a/#b"})",
         "schema#/$id: must be a URI without a fragment, or a name like \"#item\""},
        {R"({"properties": {"a": {"$ref": "#", "constant": "b"}}})",
         "schema#/properties/a/constant: has no effect beside \"$ref\" in draft-07; write "
         "\"allOf\": [{\"$ref\": ...}, {...}]"},
    });
}

TEST(JsonSchemaCompile, ReferencesThatWouldNeverEnd)
{
    for (
        const char *schema :
        {R"({"$ref": "#"})", R"({"allOf": [{"$ref": "#"}]})", R"({"not": {"$ref": "#"}})",
         R"({"anyOf": [true, {"oneOf": [{"$ref": "#"}]}]})", R"({"if": {"$ref": "#"}, "then": {}})",
         R"({"if": {}, "else": {"$ref": "#"}})", R"({"dependencies": {"a": {"$ref": "#"}}})",
         R"({"definitions": {"a": {"$ref": "#/definitions/b"}, "b": {"$ref": "#/definitions/a"}}})"})
    {
        EXPECT_TRUE(
            schema_fault(schema).contains("refers to itself without a step into a member or "
                                          "an element"))
            << schema << schema_fault(schema);
    }
    for (const char *schema :
         {R"({"items": {"$ref": "#"}})", R"({"properties": {"a": {"$ref": "#"}}})",
          R"({"additionalProperties": {"$ref": "#"}})", R"({"contains": {"not": {"$ref": "#"}}})",
          R"({"propertyNames": {"$ref": "#"}})", R"({"if": {"$ref": "#"}})"})
    {
        EXPECT_EQ(schema_fault(schema), "") << schema;
    }
}

TEST(JsonSchemaCompile, Limits)
{
    const auto nested = [](std::size_t levels) {
        return repeated(R"({"not": )", levels) + "true" + repeated("}", levels);
    };
    EXPECT_EQ(schema_fault(nested(31)), "");
    EXPECT_TRUE(schema_fault(nested(33)).starts_with("schema#: is nested deeper than 32 levels"));
    EXPECT_TRUE(schema_fault(R"({"const": )" + repeated("[", 32) + repeated("]", 32) + "}")
                    .starts_with("schema#: is nested deeper than 32 levels"));

    const auto chained = [](std::size_t links) {
        std::string schema = R"({"definitions": {"0": {}})";
        for (std::size_t i = 1; i < links; ++i) {
            schema.insert(schema.size() - 1, ", \"" + std::to_string(i)
                                                 + R"(": {"$ref": "#/definitions/)"
                                                 + std::to_string(i - 1) + "\"}");
        }
        return schema + R"(, "items": {"$ref": "#/definitions/)" + std::to_string(links - 1)
               + "\"}}";
    };
    EXPECT_EQ(schema_fault(chained(31)), "");
    EXPECT_TRUE(schema_fault(chained(32)).contains("more than 32 references and combinators"));
    EXPECT_TRUE(schema_fault(chained(5000)).contains("more than 32 references and combinators"));
}

}  // namespace
}  // namespace token_introspect::policy
