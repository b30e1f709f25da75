//! Playback in a real browser.
use fantoccini::Locator;
use fantoccini::key::Key;
use serde_json::{Value, json};
use std::path::PathBuf;
use tokio::fs;
use vessel_e2e::browser::Browser;
use vessel_e2e::media::{self, Studio};
use vessel_e2e::scene::play;
use vessel_e2e::specs::from_s3;
use vessel_e2e::wait::{seconds, until};
use vessel_e2e::{Cluster, tests};

tests! { the_watch_page_plays_and_switches_quality, the_watch_page_plays_a_film_over_hls_and_dash }

async fn the_watch_page_plays_and_switches_quality(cluster: &Cluster) {
    play(cluster, "watch", async |scene| {
        let studio = Studio::new();
        let song = fs::read(media::flac_24_bit(&studio).await).await.unwrap();
        let key = cluster
            .store()
            .await
            .put_sample("e2e-watch.flac", song)
            .await;
        let mut spec = from_s3(&key);
        spec["title"] = "Night <i>Drive</i>".into();
        scene.apply("night-drive", &spec).await;
        scene.ready("night-drive").await;
        let browser = Browser::open().await;
        let url = format!(
            "{}/watch/{}/night-drive",
            cluster.origin().await,
            scene.namespace
        );
        browser.page.goto(&url).await.unwrap();
        it_plays(&browser).await;
        let rungs = ["audio-64k", "audio-128k", "audio-192k", "audio-256k"];
        the_menu_lists(&browser, &rungs).await;
        for rung in ["audio-64k", "audio-256k"] {
            it_switches_to(&browser, rung).await;
        }
        let shown = browser.visible_text().await;
        assert!(
            shown.contains("Night <i>Drive</i>"),
            "the title is text: {shown}"
        );
        browser.close().await;
    })
    .await;
}

async fn the_watch_page_plays_a_film_over_hls_and_dash(cluster: &Cluster) {
    play(cluster, "film", async |scene| {
        let studio = Studio::new();
        let film = fs::read(film(&studio).await).await.unwrap();
        let key = cluster
            .store()
            .await
            .put_sample("e2e-watch.mp4", film)
            .await;
        let mut spec = from_s3(&key);
        spec["profiles"] = json!(["adaptive"]);
        scene.apply("winter", &spec).await;
        scene.ready("winter").await;
        let browser = Browser::open().await;
        let page = format!(
            "{}/watch/{}/winter",
            cluster.origin().await,
            scene.namespace
        );
        it_plays_over_hls(&browser, &page).await;
        it_plays_over_dash(&browser, &page).await;
        browser.close().await;
    })
    .await;
}

/// Half a minute of moving pictures with a tone.
async fn film(studio: &Studio) -> PathBuf {
    let pictures = "testsrc2=size=1280x720:rate=30:duration=30";
    let tone = "sine=frequency=440:sample_rate=48000:duration=30";
    let how = "-c:v libx264 -preset ultrafast -pix_fmt yuv420p -c:a aac -movflags +faststart";
    let inputs = ["-f", "lavfi", "-i", pictures, "-f", "lavfi", "-i", tone];
    let arguments: Vec<&str> = inputs.into_iter().chain(how.split(' ')).collect();
    studio.make("film.mp4", &arguments).await
}

async fn it_plays_over_hls(browser: &Browser, page: &str) {
    browser.page.goto(page).await.unwrap();
    it_is_fetched(browser, "/poster.jpg").await;
    it_plays(browser).await;
    the_menu_lists(browser, &["video-720p", "video-360p", "audio-64k"]).await;
    the_timeline_seeks(browser).await;
    the_storyboard_is_shown(browser).await;
    for rung in ["video-360p", "video-720p", "audio-64k", "video-360p"] {
        it_switches_to(browser, rung).await;
    }
    let loaded = segments_loaded(browser, "audio-64k").await;
    assert!(loaded > 0, "360p has its own sound");
    it_is_not_fetched(browser, "/manifest.mpd").await;
}

async fn it_plays_over_dash(browser: &Browser, page: &str) {
    let page = format!("{page}?engine=dash");
    browser.page.goto(&page).await.unwrap();
    it_plays(browser).await;
    it_is_fetched(browser, "/manifest.mpd").await;
    it_is_not_fetched(browser, "/master.m3u8").await;
    the_menu_lists(browser, &["video-720p", "video-360p"]).await;
    the_timeline_seeks(browser).await;
    the_storyboard_is_shown(browser).await;
    for rung in ["video-360p", "video-720p"] {
        it_switches_to(browser, rung).await;
    }
}

/// The button starts it, and time advances.
async fn it_plays(browser: &Browser) {
    until("the length is known", seconds(20), async || {
        let length = browser
            .evaluate("document.querySelector('#media').duration")
            .await;
        match length.as_f64() {
            Some(length) if (29.9..30.2).contains(&length) => Ok(()),
            _ => Err(format!(
                "duration: {length}, {}",
                browser.visible_text().await
            )),
        }
    })
    .await;
    let play = Locator::Css("#play:enabled");
    browser
        .page
        .find(play)
        .await
        .unwrap()
        .click()
        .await
        .unwrap();
    advances(browser, 2.0).await;
}

async fn advances(browser: &Browser, by: f64) {
    let from = time(browser).await;
    until("time advances", seconds(20), async || {
        let now = time(browser).await;
        if now >= from + by {
            Ok(())
        } else {
            Err(format!("{from} → {now}, {}", state(browser).await))
        }
    })
    .await;
}

async fn time(browser: &Browser) -> f64 {
    let now = browser
        .evaluate("document.querySelector('#media').currentTime")
        .await;
    now.as_f64().unwrap_or_default()
}

/// What the page says of itself, for the message of a failure.
async fn state(browser: &Browser) -> Value {
    let player = "({...document.querySelector('#player').dataset})";
    browser.evaluate(player).await
}

/// What can be chosen, after the player's own choice.
async fn the_menu_lists(browser: &Browser, rungs: &[&str]) {
    let listed = browser
        .evaluate("[...document.querySelectorAll('#quality option')].map(o => o.value)")
        .await;
    let expected: Vec<&str> = std::iter::once("auto")
        .chain(rungs.iter().copied())
        .collect();
    assert_eq!(listed, json!(expected));
}

/// A rung that is chosen is what is loaded and played then.
async fn it_switches_to(browser: &Browser, rung: &str) {
    let menu = browser.page.find(Locator::Css("#quality")).await.unwrap();
    menu.select_by_value(rung).await.unwrap();
    until(&format!("{rung} plays"), seconds(20), async || {
        let playing = browser
            .evaluate("document.querySelector('#player').dataset.rung")
            .await;
        if playing == rung {
            Ok(())
        } else {
            Err(state(browser).await.to_string())
        }
    })
    .await;
    assert!(
        segments_loaded(browser, rung).await > 0,
        "no segment of {rung} was loaded"
    );
    advances(browser, 1.0).await;
}

/// How many segments of a rung the browser has fetched.
async fn segments_loaded(browser: &Browser, rung: &str) -> u64 {
    let of_rung = format!("e.name.includes('/{rung}/') && e.name.endsWith('.m4s')");
    fetched(browser, &of_rung).await
}

/// How many of the page's requests satisfy a condition and brought something.
async fn fetched(browser: &Browser, condition: &str) -> u64 {
    let entries = "performance.getEntriesByType('resource')";
    let count = format!("{entries}.filter(e => e.decodedBodySize > 0 && {condition}).length");
    browser.evaluate(&count).await.as_u64().unwrap()
}

async fn it_is_fetched(browser: &Browser, end: &str) {
    until(
        &format!("…{end} is fetched"),
        seconds(20),
        async || match fetched(browser, &format!("e.name.endsWith('{end}')")).await {
            0 => Err(state(browser).await.to_string()),
            _ => Ok(()),
        },
    )
    .await;
}

async fn it_is_not_fetched(browser: &Browser, end: &str) {
    let count = fetched(browser, &format!("e.name.endsWith('{end}')")).await;
    assert_eq!(count, 0, "…{end}");
}

/// The slider moves what plays, forward and back, and it goes on from there.
async fn the_timeline_seeks(browser: &Browser) {
    for (second, less_than) in [(20, 29.0), (1, 15.0)] {
        let slider = "const slider = document.querySelector('#seek')";
        let script =
            format!("{slider}; slider.value = {second}; slider.dispatchEvent(new Event('input'))");
        browser.page.execute(&script, Vec::new()).await.unwrap();
        let from = f64::from(second);
        until(
            &format!("it plays at {second} s"),
            seconds(20),
            async || {
                let now = time(browser).await;
                if (from + 0.5..less_than).contains(&now) {
                    Ok(())
                } else {
                    Err(format!("{now}, {}", state(browser).await))
                }
            },
        )
        .await;
    }
}

/// A key on the slider shows the picture of where it goes.
async fn the_storyboard_is_shown(browser: &Browser) {
    let shown = "!document.querySelector('#preview').hidden \
         && !document.querySelector('#tile').hidden \
         && document.querySelector('#tile').style.backgroundImage.includes('/storyboard/00001.jpg')";
    until("a small picture is shown", seconds(20), async || {
        // Until the storyboard is there, a key shows the time alone.
        let slider = browser.page.find(Locator::Css("#seek")).await.unwrap();
        slider.send_keys(&Key::Left.to_string()).await.unwrap();
        if browser.evaluate(shown).await == true {
            Ok(())
        } else {
            Err(state(browser).await.to_string())
        }
    })
    .await;
    it_is_fetched(browser, "/storyboard/00001.jpg").await;
}
