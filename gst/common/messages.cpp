// SPDX-License-Identifier: LGPL-2.1-or-later
#include "common/messages.h"

#include <mutex>
#include <set>

#include "common/handles.h"

namespace dmaslab {

namespace {

bool saidBefore(const std::string &sentence)
{
    static std::mutex mutex;
    static std::set<std::string> said;
    std::lock_guard lock(mutex);
    return !said.insert(sentence).second;
}

GstResourceError resourceCode(Errc code, GstResourceError io)
{
    switch (code) {
    case Errc::NotFound:
        return GST_RESOURCE_ERROR_NOT_FOUND;
    case Errc::Permission:
        return GST_RESOURCE_ERROR_NOT_AUTHORIZED;
    case Errc::NoMemory:
    case Errc::Limit:
        return GST_RESOURCE_ERROR_NO_SPACE_LEFT;
    case Errc::Io:
        return io;
    case Errc::InvalidArgument:
    case Errc::Unsupported:
    case Errc::Format:
        break;
    }
    return GST_RESOURCE_ERROR_SETTINGS;
}

} // namespace

void postError(GstElement *element, const Error &error, GstResourceError io)
{
    const bool badData = error.code == Errc::Format;
    gst_element_message_full(element, GST_MESSAGE_ERROR, badData ? GST_STREAM_ERROR : GST_RESOURCE_ERROR,
                             badData ? gint(GST_STREAM_ERROR_FORMAT) : gint(resourceCode(error.code, io)),
                             g_strdup(error.message.c_str()),
                             error.sysErrno ? g_strdup(g_strerror(error.sysErrno)) : nullptr, __FILE__,
                             GST_FUNCTION, __LINE__);
}

void postDegradations(GstElement *element, const std::vector<std::string> &sentences, bool oncePerProcess)
{
    for (const std::string &sentence : sentences) {
        if (oncePerProcess && saidBefore(sentence))
            GST_CAT_INFO_OBJECT(GST_CAT_DEFAULT, element, "%s", sentence.c_str());
        else
            GST_ELEMENT_WARNING(element, RESOURCE, SETTINGS, ("%s", sentence.c_str()), (nullptr));
    }
}

bool mayChangeProperty(GstElement *element, const GParamSpec *property, const GValue *value)
{
    GST_OBJECT_LOCK(element);
    const GstState state = GST_STATE(element);
    // A start that failed keeps its target: correcting the property is just what is wanted then.
    const bool starting =
        GST_STATE_TARGET(element) > GST_STATE_READY && GST_STATE_RETURN(element) != GST_STATE_CHANGE_FAILURE;
    GST_OBJECT_UNLOCK(element);
    const bool running = state > GST_STATE_READY || starting;
    if (!running || !(property->flags & GST_PARAM_MUTABLE_READY))
        return true;
    const CharPtr text(gst_value_serialize(value));
    GST_ELEMENT_WARNING(
        element, RESOURCE, SETTINGS,
        ("%s: %s=%s is refused, '%s' keeps its value: it can be set in state NULL or READY only.",
         GST_OBJECT_NAME(element), property->name, text ? text.get() : "?", property->name),
        (nullptr));
    return false;
}

} // namespace dmaslab
