//! What a request asks for, in the words of the metrics.

/// What a request asks for; the label `kind` of every `vessel_origin_*` metric.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Kind {
    /// An HLS master playlist, by name or by execution.
    Master,
    /// An HLS media playlist.
    MediaPlaylist,
    /// A DASH manifest, by name or by execution.
    Mpd,
    /// An initialization segment.
    Init,
    /// A media segment.
    Segment,
    /// What goes with the media: poster, storyboard, peaks.
    Extra,
    /// The watch page and what it loads.
    Page,
    /// Anything else: probes, metrics, paths outside of the grammar.
    Other,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 8] = [
        Self::Master,
        Self::MediaPlaylist,
        Self::Mpd,
        Self::Init,
        Self::Segment,
        Self::Extra,
        Self::Page,
        Self::Other,
    ];

    /// The word as it stands in metric labels.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Master => "Master",
            Self::MediaPlaylist => "MediaPlaylist",
            Self::Mpd => "Mpd",
            Self::Init => "Init",
            Self::Segment => "Segment",
            Self::Extra => "Extra",
            Self::Page => "Page",
            Self::Other => "Other",
        }
    }
}
