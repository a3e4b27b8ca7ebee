#include "token/metadata.hpp"

#include <gtest/gtest.h>

namespace token_introspect::token {
namespace {

/// https|host|port|authority|target, or "-" when it is no acceptable URL.
std::string shown(std::string_view text)
{
    const auto url = parse_url(text);
    if (!url) {
        return "-";
    }
    std::string out = url->https ? "https" : "http";
    for (const auto part : {url->host, url->port, url->authority, url->target}) {
        out += '|';
        out += part;
    }
    return out;
}

TEST(ParseUrl, TakesApart)
{
    EXPECT_EQ(shown("https://idp.example.com/jwks?x=1"),
              "https|idp.example.com||idp.example.com|/jwks?x=1");
    EXPECT_EQ(shown("http://localhost"), "http|localhost||localhost|");
    EXPECT_EQ(shown("HTTPS://Host/"), "https|Host||Host|/");
    EXPECT_EQ(shown("http://10.0.0.1:8080/a"), "http|10.0.0.1|8080|10.0.0.1:8080|/a");
    EXPECT_EQ(shown("http://[::1]:8080/a"), "http|::1|8080|[::1]:8080|/a");
    EXPECT_EQ(shown("https://[2001:db8::192.0.2.1]"),
              "https|2001:db8::192.0.2.1||[2001:db8::192.0.2.1]|");
    EXPECT_EQ(shown("http://h?q=/a:b@c"), "http|h||h|?q=/a:b@c");
    EXPECT_EQ(shown("http://h/%41"), "http|h||h|/%41");
    EXPECT_EQ(shown("http://h:65535"), "http|h|65535|h:65535|");
    EXPECT_EQ(shown("http://my_service.ns-1/realms/a/%C3%A4;p=1,2!$&'()*+~"),
              "http|my_service.ns-1||my_service.ns-1|/realms/a/%C3%A4;p=1,2!$&'()*+~");
}

TEST(ParseUrl, Refuses)
{
    for (const char *text :
         {"", "/path", "host/path", "//host/path", "ftp://host/", "https:/host", "https:host",
          "https://", "https:///path", "https://?q", "https://:443/", "unix:/tmp/x", "file:///etc",
          // user information
          "https://user@host/", "https://user:pw@host/", "https://@host/", "https://a@b@c/",
          // fragment
          "https://host/#f", "https://host#f", "https://host/a?b#",
          // ports
          "https://host:", "https://host:/", "https://host:0/", "https://host:65536/",
          "https://host:-1/", "https://host:8a/", "https://host:80:80/", "https://host:+80/",
          // IPv6
          "https://[::1", "https://[]/", "https://[::1]x/", "https://[::1]:/", "https://[host]/",
          "https://[fe80::1%25eth0]/", "https://::1/", "https://[1:2]/", "https://a[::1]/",
          // bytes
          " https://host/", "https://host/ ", "https://ho st/", "https://host/a b",
          "https://host/\t", "https://host/\r\n", "https://host/\x7f", "https://hÖst/",
          "https://host/ä", "https://host/\"", "https://host/{a}", "https://host/a\\b",
          "https://host/<", "https://ho%73t/", "https://host/%", "https://host/%4",
          "https://host/%zz", "https://host;a/", "https://ho$st/"})
    {
        EXPECT_EQ(shown(text), "-") << text;
    }
    using std::string_view_literals::operator""sv;
    EXPECT_EQ(shown("https://host/\0"sv), "-");
    EXPECT_EQ(shown("https://ho\0st/"sv), "-");
}

TEST(MetadataUrl, WellKnownPlaces)
{
    EXPECT_EQ(openid_configuration_url("https://h"), "https://h/.well-known/openid-configuration");
    EXPECT_EQ(openid_configuration_url("https://h/"), "https://h/.well-known/openid-configuration");
    EXPECT_EQ(openid_configuration_url("https://h:8443/realms/a/"),
              "https://h:8443/realms/a/.well-known/openid-configuration");

    EXPECT_EQ(authorization_server_metadata_url("https://h"),
              "https://h/.well-known/oauth-authorization-server");
    EXPECT_EQ(authorization_server_metadata_url("https://h/"),
              "https://h/.well-known/oauth-authorization-server");
    EXPECT_EQ(authorization_server_metadata_url("https://h:8443/realms/a"),
              "https://h:8443/.well-known/oauth-authorization-server/realms/a");
    EXPECT_EQ(authorization_server_metadata_url("https://[::1]/a/b/"),
              "https://[::1]/.well-known/oauth-authorization-server/a/b");
}

Result<Metadata> parse(std::string_view json, const std::vector<std::string> &issuers = {},
                       bool require_https = false)
{
    return parse_metadata(json, issuers, require_https);
}

TEST(ParseMetadata, ReadsWhatIsThere)
{
    const auto all = parse(R"({"issuer":"https://h/a","jwks_uri":"https://h/k",
                               "introspection_endpoint":"http://h/i","other":[1]})");
    ASSERT_TRUE(all);
    EXPECT_EQ(all->issuer, "https://h/a");
    EXPECT_EQ(all->jwks_uri, "https://h/k");
    EXPECT_EQ(all->introspection_endpoint, "http://h/i");

    const auto least = parse(R"({"issuer":"i"})");
    ASSERT_TRUE(least);
    EXPECT_EQ(least->issuer, "i");
    EXPECT_EQ(least->jwks_uri, "");
    EXPECT_EQ(least->introspection_endpoint, "");
}

TEST(ParseMetadata, IssuerMustBeAnExpectedOne)
{
    const char *const json = R"({"issuer":"https://h/a"})";
    EXPECT_TRUE(parse(json, {"https://h/a"}));
    EXPECT_TRUE(parse(json, {"https://x", "https://h/a"}));
    for (const char *issuer : {"https://h/a/", "https://h", "https://H/a", ""}) {
        const auto result = parse(json, {issuer});
        ASSERT_FALSE(result) << issuer;
        EXPECT_EQ(result.error().code, Code::kIssuerMetadata);
    }
}

TEST(ParseMetadata, Refuses)
{
    for (const char *json : {"",
                             "[]",
                             "{",
                             "null",
                             "{}",
                             R"({"issuer":""})",
                             R"({"issuer":null})",
                             R"({"issuer":5})",
                             R"({"issuer":["i"]})",
                             R"({"issuer":"i","issuer":"i"})",
                             R"({"issuer":"i","jwks_uri":5})",
                             R"({"issuer":"i","jwks_uri":null})",
                             R"({"issuer":"i","jwks_uri":""})",
                             R"({"issuer":"i","jwks_uri":"/keys"})",
                             R"({"issuer":"i","jwks_uri":"ftp://h/keys"})",
                             R"({"issuer":"i","jwks_uri":"https://u:p@h/keys"})",
                             R"({"issuer":"i","jwks_uri":"https://h/keys#f"})",
                             R"({"issuer":"i","jwks_uri":"https://h/a b"})",
                             R"({"issuer":"i","jwks_uri":"https://h/a\nb"})",
                             R"({"issuer":"i","introspection_endpoint":"file:///etc/passwd"})",
                             R"({"issuer":"i","introspection_endpoint":["https://h"]})"})
    {
        const auto result = parse(json);
        ASSERT_FALSE(result) << json;
        EXPECT_EQ(result.error().code, Code::kIssuerMetadata) << json;
    }
}

TEST(ParseMetadata, NoStepDownFromHttps)
{
    EXPECT_TRUE(parse(R"({"issuer":"i","jwks_uri":"https://h/k"})", {}, true));
    EXPECT_TRUE(parse(R"({"issuer":"i","jwks_uri":"http://h/k"})", {}, false));
    for (const char *json : {R"({"issuer":"i","jwks_uri":"http://h/k"})",
                             R"({"issuer":"i","introspection_endpoint":"http://h/k"})"})
    {
        const auto result = parse(json, {}, true);
        ASSERT_FALSE(result) << json;
        EXPECT_EQ(result.error().code, Code::kIssuerMetadata);
    }
}

TEST(AbsoluteUri, HasASchemeAndNoFragment)
{
    for (const std::string_view good : {"https://a.example/b?c=d", "urn:x", "a:%4A", "a+b-c.1:d"}) {
        EXPECT_TRUE(is_absolute_uri(good)) << good;
    }
    for (const std::string_view bad :
         {"", "a", "/a", ":a", "a:", "1a:b", "a:b#c", "a:b c", "ä:b", "a:ü", "a:%", "a:%4", "a:%4g",
          "a:<b>", "a_b:c", "-a:b", "a:\x7f"})
    {
        EXPECT_FALSE(is_absolute_uri(bad)) << bad;
    }
}

}  // namespace
}  // namespace token_introspect::token
