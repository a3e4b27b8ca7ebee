#pragma once

#include "flow_fixture.hpp"

namespace token_introspect::test {

inline const std::string kActive = R"({"active":true,"sub":"s"})";
inline const std::string kMetadata =
    R"({"issuer":"https://issuer.example",)"
    R"("jwks_uri":"https://issuer.example/keys",)"
    R"("introspection_endpoint":"https://issuer.example/introspect"})";
inline constexpr std::uint64_t kInterval = 5;  // seconds between two fetches for unknown kids

inline std::string until(std::int64_t seconds_from_start)
{
    return R"({"active":true,"exp":)" + std::to_string(kStart + seconds_from_start) + "}";
}

inline std::string envelope(const std::string &token, const std::string &members = {},
                            const std::string &issuer = kIssuer)
{
    return R"({"iss":")" + issuer + R"(","aud":"gateway","iat":)" + std::to_string(kStart)
           + (members.empty() ? "" : "," + members) + R"(,"token_introspection":)" + token + "}";
}

/// A response of RFC 9701 about a token of these claims.
inline std::string response(const Signer &signer, const std::string &token = kActive,
                            const std::string &members = {})
{
    return signer.sign(R"({"typ":"token-introspection+jwt",)" + signer.header().substr(1),
                       envelope(token, members));
}

inline token::Answer signed_answer(const std::string &jwt,
                                   std::string_view type = "application/token-introspection+jwt")
{
    return {.status = 200, .content_type = type, .content_encoding = {}, .body = jwt};
}

class SignedResponseTest : public FlowTest {
protected:
    /// With signer_a's key in the configuration.
    flow::Introspector &signing(const std::string &name,
                                const std::string &endpoint = "/introspect")
    {
        flow::Introspector &introspector = opaque(name, endpoint);
        introspector.signed_response = true;
        introspector.response_audience = "gateway";
        introspector.rules.issuers = {kIssuer};
        introspector.token_types = {"JWT", "at+jwt", ""};
        introspector.keys = {{.value = signer_a().jwk(), .options = {}}};
        return introspector;
    }
    /// With keys from /jwks.
    flow::Introspector &fetching(const std::string &name)
    {
        flow::Introspector &introspector = signing(name);
        introspector.keys.clear();
        introspector.jwks_uri = "/jwks";
        return introspector;
    }
    /// The same with signer_a's key fetched, and the time for another fetch come.
    flow::Introspector &with_keys_of_a()
    {
        flow::Introspector &mine = fetching("mine");
        Request first(worker(), now_, {&mine}, "the first");
        EXPECT_EQ(first.advance(), "POST /introspect");
        EXPECT_EQ(first.answer(signed_answer(response(signer_a()))), "GET /jwks");
        EXPECT_EQ(first.answer(keys_a()), "active");
        pass_s(kInterval);
        return mine;
    }
    /// With its endpoint and keys from metadata.
    flow::Introspector &discovering()
    {
        flow::Introspector &introspector = fetching("mine");
        introspector.introspection_endpoint.clear();
        introspector.jwks_uri.clear();
        introspector.discovery_uris = {"https://issuer.example/metadata"};
        return introspector;
    }

    /// The decision about a fresh token that the endpoint answers so.
    std::string answered(const flow::Introspector &introspector, const token::Answer &answer)
    {
        Request request(worker(), now_, {&introspector}, "token" + std::to_string(++tokens_));
        EXPECT_EQ(request.advance(), "POST /introspect");
        return request.answer(answer);
    }
    std::string answered(const flow::Introspector &introspector, const std::string &jwt)
    {
        return answered(introspector, signed_answer(jwt));
    }

    static std::string jwt_of(Request &request)
    {
        return std::string(request.validation().introspection_jwt());
    }
    static std::string keys_a() { return key_set({&signer_a()}); }
    static std::string keys_b() { return key_set({&signer_b()}); }

private:
    int tokens_ = 0;
};

}  // namespace token_introspect::test
