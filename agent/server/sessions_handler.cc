#include "agent/server/sessions_handler.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "agent/server/status_response.h"

namespace nsdebug {

namespace {

using nlohmann::json;

json ToJson(const SessionSnapshot& session) {
  const AuditSubject& subject = session.info.subject;
  const auto opened = std::chrono::time_point_cast<std::chrono::seconds>(session.info.opened);
  return {{"id", subject.session_id},
          {"user", subject.user},
          {"source", subject.source},
          {"namespace", subject.pod_namespace},
          {"pod", subject.pod},
          {"container", subject.container},
          {"containerId", subject.container_id},
          {"pid", subject.pid},
          {"node", subject.node},
          {"profile", subject.profile},
          {"view", subject.view},
          {"command", subject.command},
          {"tty", session.info.tty},
          {"opened", fmt::format("{:%FT%TZ}", fmt::gmtime(opened))},
          {"bytesIn", session.bytes_in},
          {"bytesOut", session.bytes_out}};
}

}  // namespace

Response SessionsHandler::List() const {
  json document = {
      {"kind", "SessionList"}, {"apiVersion", "ns-debug.io/v1alpha1"}, {"items", json::array()}};
  for (const SessionSnapshot& session : sessions_->List()) {
    document["items"].push_back(ToJson(session));
  }
  Response response;
  response.body = document.dump(-1, ' ', false, json::error_handler_t::replace);
  return response;
}

Response SessionsHandler::End(const Request& request) const {
  Result<void> ended = sessions_->End(request.parameters.at("id"), EndCause::kEndedByUser);
  if (!ended) return StatusResponse(ended.error());
  return StatusResponse(200, "", "the session is being ended");
}

}  // namespace nsdebug
