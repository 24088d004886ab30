#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "agent/auth/identity.h"
#include "agent/exec/exec_request.h"

namespace nsdebug {

/// One request, as far as handlers care. All of it comes from outside.
struct Request {
  std::string id;                     ///< ours, for the log
  std::string method;                 ///< "GET"
  std::vector<std::string> segments;  ///< of the path, percent-decoded
  QueryParameters query;
  std::string content_type;
  std::string body;    ///< empty until Exchange::ReadBody()
  std::string remote;  ///< address and port of the client

  /// What it asks for besides an answer.
  enum class Upgrade { kNone, kWebSocket, kMalformedWebSocket, kOtherWebSocketVersion };
  Upgrade upgrade = Upgrade::kNone;
  std::vector<std::string> subprotocols;
  bool is_from_web_page = false;  ///< a browser sends it for a page of some origin

  Credentials credentials;

  // What the router found out.
  Identity identity;
  std::map<std::string, std::string> parameters;  ///< of the route's path

  /// One of those; empty when the route has none of that name.
  std::string Parameter(const std::string& name) const {
    const auto found = parameters.find(name);
    return found == parameters.end() ? std::string() : found->second;
  }
};

/// An answer. Status 0: the handler has taken over the connection, and it is used up.
struct Response {
  int status = 200;
  std::string body;
  std::string content_type = "application/json";
  std::vector<std::pair<std::string, std::string>> headers;
  std::shared_ptr<void> until_sent;  ///< let go when the client has the answer
  bool is_last = false;              ///< the connection is closed behind it
};

}  // namespace nsdebug
