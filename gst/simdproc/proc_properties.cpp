// SPDX-License-Identifier: LGPL-2.1-or-later
#include "simdproc/proc_properties.h"

#include "common/property_types.h"

namespace dmaslab {

namespace {

GType flipType()
{
    static const GEnumValue values[] = {
        {int(Flip::None), "As it comes", "none"},
        {int(Flip::Horizontal), "Left to right", "h"},
        {int(Flip::Vertical), "Upside down", "v"},
        {int(Flip::Both), "Both: turned by 180 degrees", "hv"},
        {0, nullptr, nullptr},
    };
    static const GType type = enumType("GstSimdProcFlip", values);
    return type;
}

GType binType()
{
    static const GEnumValue values[] = {
        {1, "Every pixel", "1"},
        {2, "Squares of 2x2 pixels to one", "2"},
        {4, "Squares of 4x4 pixels to one", "4"},
        {0, nullptr, nullptr},
    };
    static const GType type = enumType("GstSimdProcBin", values);
    return type;
}

GType binModeType()
{
    static const GEnumValue values[] = {
        {int(BinMode::Sum), "The sum, at most what the format holds", "sum"},
        {int(BinMode::Mean), "The rounded mean", "mean"},
        {0, nullptr, nullptr},
    };
    static const GType type = enumType("GstSimdProcBinMode", values);
    return type;
}

GType roiModeType()
{
    static const GEnumValue values[] = {
        {int(RoiMode::None), "No rectangles", "none"},
        {int(RoiMode::Sum), "The sum of each rectangle's pixels", "sum"},
        {int(RoiMode::Occupancy),
         "The sum, and whether it means an atom (lambda-occupied, lambda-empty, fp-target)", "occupancy"},
        {int(RoiMode::Centroid), "The centre of gravity of each rectangle's light (roi-threshold, reference)",
         "centroid"},
        {0, nullptr, nullptr},
    };
    static const GType type = enumType("GstSimdProcRoiMode", values);
    return type;
}

GType simdType()
{
    static const GEnumValue values[] = {
        {int(SimdLevel::Auto), "The best that this machine has", "auto"},
        {int(SimdLevel::Scalar), "Plain loops", "scalar"},
        {int(SimdLevel::Sse4), "x86: SSE 4.1 at most", "sse4"},
        {int(SimdLevel::Avx2), "x86: AVX2 at most", "avx2"},
        {int(SimdLevel::Avx512), "x86: AVX-512 at most", "avx512"},
        {int(SimdLevel::Neon), "Arm: NEON", "neon"},
        {0, nullptr, nullptr},
    };
    static const GType type = enumType("GstSimdProcSimd", values);
    return type;
}

template <typename Add>
void installTables(const Add &add)
{
    const auto path = [&add](guint id, const char *name, const char *nick, const char *blurb) {
        add(id, g_param_spec_string(name, nick, blurb, nullptr, kReady));
    };
    path(PROP_DARK, "dark", "Dark picture",
         "Path of a .npy file of the picture's size (uint8, uint16, float32) that is taken off each frame");
    path(PROP_FLAT, "flat", "Flat field",
         "Path of a .npy file of the picture's size: an evenly lit scene, its dark picture taken off, in any "
         "scale. "
         "Each pixel is multiplied by the mean of all over its own");
    path(PROP_BAD_PIXELS, "bad-pixels", "Bad pixels",
         "Path of a .npy file: (row, column) of each as np.argwhere() lists them, or a mask of the picture's "
         "size as "
         "bool. They are replaced by the mean of the nearest good pixels of their row and column");
    path(PROP_LUT, "lut", "Lookup table",
         "Path of a .npy file with an output value for each pixel value: uint8 makes an 8-bit picture");
    path(PROP_REFERENCE, "reference", "Reference offsets",
         "Path of a .npy file of shape (roi-rows, roi-columns, 2): x and y that are taken off each centre of "
         "gravity");
}

template <typename Add>
void installPixels(const Add &add, const ProcessSettings &defaults)
{
    add(PROP_CROP,
        g_param_spec_string("crop", "Crop", "The part that is kept: x,y,width,height (all by default)",
                            nullptr, kReady));
    add(PROP_FLIP, g_param_spec_enum("flip", "Flip", "Whether the picture is mirrored", flipType(),
                                     int(defaults.flip), kReady));
    add(PROP_BIN, g_param_spec_enum("bin", "Binning", "How many pixels become one", binType(),
                                    int(defaults.bin), kReady));
    add(PROP_BIN_MODE, g_param_spec_enum("bin-mode", "Binning mode", "What becomes of binned pixels",
                                         binModeType(), int(defaults.binMode), kReady));
    add(PROP_THRESHOLD, g_param_spec_uint("threshold", "Threshold", "Pixels below become 0 (0 = off)", 0,
                                          G_MAXUINT16, defaults.threshold, kReady));
    add(PROP_WINDOW,
        g_param_spec_string("window", "Window",
                            "Make an 8-bit picture: low,high become 0 and 255; auto takes the darkest and "
                            "brightest half percent of the frame before",
                            nullptr, kReady));
}

template <typename Add>
void installMeasures(const Add &add, const ProcessSettings &defaults)
{
    add(PROP_STATISTICS,
        g_param_spec_boolean("statistics", "Statistics",
                             "Measure min, max, mean, variance, brightness and saturated pixels",
                             defaults.statistics, kReady));
    add(PROP_HISTOGRAM,
        g_param_spec_boolean("histogram", "Histogram", "Count pixels in 256 bins up to full scale",
                             defaults.histogram, kReady));
    add(PROP_MOTION,
        g_param_spec_uint("motion", "Motion",
                          "Count pixels that differ by more than this from the frame before (0 = off)", 0,
                          G_MAXUINT16, defaults.motion, kReady));
    add(PROP_ROI_MODE,
        g_param_spec_enum("roi-mode", "ROI mode",
                          "What is measured in the rectangles of the grid that roi-x to roi-rows lay "
                          "over the finished picture",
                          roiModeType(), int(defaults.roiMode), kReady));
    const auto number = [&add](guint id, const char *name, const char *nick, const char *blurb, guint least,
                               guint value) {
        add(id, g_param_spec_uint(name, nick, blurb, least, G_MAXUINT16, value, kReady));
    };
    number(PROP_ROI_X, "roi-x", "ROI x", "Column where the grid begins", 0, defaults.roi.x);
    number(PROP_ROI_Y, "roi-y", "ROI y", "Row where the grid begins", 0, defaults.roi.y);
    number(PROP_ROI_WIDTH, "roi-width", "ROI width", "Columns of each rectangle", 1, defaults.roi.width);
    number(PROP_ROI_HEIGHT, "roi-height", "ROI height", "Rows of each rectangle", 1, defaults.roi.height);
    number(PROP_ROI_COLUMNS, "roi-columns", "ROI columns", "Rectangles side by side", 1,
           defaults.roi.columns);
    number(PROP_ROI_ROWS, "roi-rows", "ROI rows", "Rectangles below each other", 1, defaults.roi.rows);
    number(PROP_ROI_THRESHOLD, "roi-threshold", "ROI threshold",
           "Taken off each pixel before its centre of gravity; what is left below 0 is 0", 0,
           defaults.roiThreshold);
    add(PROP_LAMBDA_OCCUPIED, g_param_spec_double("lambda-occupied", "Mean of occupied",
                                                  "Mean counts of a rectangle that holds an atom", 0, 1e6,
                                                  defaults.lambdaOccupied, kReady));
    add(PROP_LAMBDA_EMPTY,
        g_param_spec_double("lambda-empty", "Mean of empty", "Mean counts of one that holds none", 0, 1e6,
                            defaults.lambdaEmpty, kReady));
    add(PROP_FP_TARGET,
        g_param_spec_double("fp-target", "False positives",
                            "Largest share of empty rectangles that may be taken for occupied", 0, 1,
                            defaults.fpTarget, kReady));
}

template <typename Add>
void installHow(const Add &add, const ProcessSettings &defaults)
{
    add(PROP_THREADS, g_param_spec_uint("threads", "Threads", "Each frame is divided among so many threads",
                                        1, 64, defaults.threads, kReady));
    add(PROP_SIMD, g_param_spec_enum("simd", "SIMD", "The widest vector instructions to use", simdType(),
                                     int(defaults.simd), kReady));
    add(PROP_MESSAGE_EVERY,
        g_param_spec_uint(
            "message-every", "Message every",
            "Post the results of every so many frames as element message dmaslab-results (0 = never)", 0,
            G_MAXUINT, 0, kReady));
}

std::string textOf(const GValue *value)
{
    const char *text = g_value_get_string(value);
    return text ? text : "";
}

void setText(GValue *value, const std::string &text)
{
    g_value_set_string(value, text.empty() ? nullptr : text.c_str());
}

/** The numbers of the grid have one type; null when the id is none of them. */
template <typename Settings>
auto *gridNumber(Settings &settings, guint id)
{
    switch (id) {
    case PROP_ROI_X:
        return &settings.roi.x;
    case PROP_ROI_Y:
        return &settings.roi.y;
    case PROP_ROI_WIDTH:
        return &settings.roi.width;
    case PROP_ROI_HEIGHT:
        return &settings.roi.height;
    case PROP_ROI_COLUMNS:
        return &settings.roi.columns;
    case PROP_ROI_ROWS:
        return &settings.roi.rows;
    case PROP_MOTION:
        return &settings.motion;
    case PROP_THREADS:
        return &settings.threads;
    default:
        return static_cast<decltype(&settings.motion)>(nullptr);
    }
}

/** So have the texts. */
template <typename Values>
auto *textValue(Values &values, guint id)
{
    switch (id) {
    case PROP_DARK:
        return &values.settings.dark;
    case PROP_FLAT:
        return &values.settings.flat;
    case PROP_BAD_PIXELS:
        return &values.settings.badPixels;
    case PROP_LUT:
        return &values.settings.lut;
    case PROP_REFERENCE:
        return &values.settings.reference;
    case PROP_CROP:
        return &values.crop;
    case PROP_WINDOW:
        return &values.window;
    default:
        return static_cast<decltype(&values.crop)>(nullptr);
    }
}

} // namespace

void installProcProperties(GObjectClass *klass)
{
    const ProcessSettings defaults;
    const auto add = [klass](guint id, GParamSpec *spec) {
        g_object_class_install_property(klass, id, spec);
    };
    installTables(add);
    installPixels(add, defaults);
    installMeasures(add, defaults);
    installHow(add, defaults);
}

bool setProcProperty(ProcValues &values, guint id, const GValue *value)
{
    ProcessSettings &settings = values.settings;
    if (std::string *text = textValue(values, id)) {
        *text = textOf(value);
        return true;
    }
    if (std::uint32_t *number = gridNumber(settings, id)) {
        *number = g_value_get_uint(value);
        return true;
    }
    switch (id) {
    case PROP_FLIP:
        settings.flip = static_cast<Flip>(g_value_get_enum(value));
        return true;
    case PROP_BIN:
        settings.bin = std::uint32_t(g_value_get_enum(value));
        return true;
    case PROP_BIN_MODE:
        settings.binMode = static_cast<BinMode>(g_value_get_enum(value));
        return true;
    case PROP_THRESHOLD:
        settings.threshold = std::uint16_t(g_value_get_uint(value));
        return true;
    case PROP_STATISTICS:
        settings.statistics = g_value_get_boolean(value);
        return true;
    case PROP_HISTOGRAM:
        settings.histogram = g_value_get_boolean(value);
        return true;
    case PROP_ROI_MODE:
        settings.roiMode = static_cast<RoiMode>(g_value_get_enum(value));
        return true;
    case PROP_ROI_THRESHOLD:
        settings.roiThreshold = std::uint16_t(g_value_get_uint(value));
        return true;
    case PROP_LAMBDA_OCCUPIED:
        settings.lambdaOccupied = g_value_get_double(value);
        return true;
    case PROP_LAMBDA_EMPTY:
        settings.lambdaEmpty = g_value_get_double(value);
        return true;
    case PROP_FP_TARGET:
        settings.fpTarget = g_value_get_double(value);
        return true;
    case PROP_SIMD:
        settings.simd = static_cast<SimdLevel>(g_value_get_enum(value));
        return true;
    case PROP_MESSAGE_EVERY:
        values.messageEvery = g_value_get_uint(value);
        return true;
    default:
        return false;
    }
}

bool getProcProperty(const ProcValues &values, guint id, GValue *value)
{
    const ProcessSettings &settings = values.settings;
    if (const std::string *text = textValue(values, id)) {
        setText(value, *text);
        return true;
    }
    if (const std::uint32_t *number = gridNumber(settings, id)) {
        g_value_set_uint(value, *number);
        return true;
    }
    switch (id) {
    case PROP_FLIP:
        g_value_set_enum(value, int(settings.flip));
        return true;
    case PROP_BIN:
        g_value_set_enum(value, int(settings.bin));
        return true;
    case PROP_BIN_MODE:
        g_value_set_enum(value, int(settings.binMode));
        return true;
    case PROP_THRESHOLD:
        g_value_set_uint(value, settings.threshold);
        return true;
    case PROP_STATISTICS:
        g_value_set_boolean(value, settings.statistics);
        return true;
    case PROP_HISTOGRAM:
        g_value_set_boolean(value, settings.histogram);
        return true;
    case PROP_ROI_MODE:
        g_value_set_enum(value, int(settings.roiMode));
        return true;
    case PROP_ROI_THRESHOLD:
        g_value_set_uint(value, settings.roiThreshold);
        return true;
    case PROP_LAMBDA_OCCUPIED:
        g_value_set_double(value, settings.lambdaOccupied);
        return true;
    case PROP_LAMBDA_EMPTY:
        g_value_set_double(value, settings.lambdaEmpty);
        return true;
    case PROP_FP_TARGET:
        g_value_set_double(value, settings.fpTarget);
        return true;
    case PROP_SIMD:
        g_value_set_enum(value, int(settings.simd));
        return true;
    case PROP_MESSAGE_EVERY:
        g_value_set_uint(value, values.messageEvery);
        return true;
    default:
        return false;
    }
}

} // namespace dmaslab
