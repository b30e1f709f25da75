//! Playback in a real browser.
use fantoccini::Locator;
use tokio::fs;
use vessel_e2e::browser::Browser;
use vessel_e2e::media::{self, Studio};
use vessel_e2e::scene::play;
use vessel_e2e::specs::from_s3;
use vessel_e2e::wait::{seconds, until};
use vessel_e2e::{Cluster, tests};

tests! { the_watch_page_plays_and_switches_quality }

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
        quality_can_be_switched(&browser).await;
        let shown = browser.evaluate("document.body.innerText").await;
        assert!(
            shown.as_str().unwrap().contains("Night <i>Drive</i>"),
            "the title is text: {shown}"
        );
        browser.close().await;
    })
    .await;
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
    let button = browser
        .page
        .find(Locator::Css("#play:enabled"))
        .await
        .unwrap();
    button.click().await.unwrap();
    advances(browser, 2.0).await;
}

async fn advances(browser: &Browser, by: f64) {
    let from = time(browser).await;
    until("time advances", seconds(20), async || {
        let now = time(browser).await;
        if now >= from + by {
            Ok(())
        } else {
            Err(format!("{from} → {now}"))
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

/// Each rung of the ladder can be chosen, and it is what is loaded and played then.
async fn quality_can_be_switched(browser: &Browser) {
    let listed =
        browser.evaluate("[...document.querySelectorAll('#quality option')].map(o => o.value)");
    let expected = [
        "auto",
        "audio-64k",
        "audio-128k",
        "audio-192k",
        "audio-256k",
    ];
    assert_eq!(listed.await, serde_json::json!(expected));
    for rung in ["audio-64k", "audio-256k"] {
        let menu = browser.page.find(Locator::Css("#quality")).await.unwrap();
        menu.select_by_value(rung).await.unwrap();
        until(&format!("{rung} plays"), seconds(20), async || {
            let playing = browser
                .evaluate("document.querySelector('#player').dataset.rung")
                .await;
            if playing == rung {
                Ok(())
            } else {
                Err(playing.to_string())
            }
        })
        .await;
        assert!(
            segments_loaded(browser, rung).await > 0,
            "no segment of {rung} was loaded"
        );
        advances(browser, 1.0).await;
    }
}

/// How many segments of a rung the browser has fetched.
async fn segments_loaded(browser: &Browser, rung: &str) -> u64 {
    let entries = "performance.getEntriesByType('resource')";
    let of_rung =
        format!("{entries}.filter(e => e.name.includes('/{rung}/') && e.name.endsWith('.m4s'))");
    browser
        .evaluate(&format!("{of_rung}.length"))
        .await
        .as_u64()
        .unwrap()
}
