// hbm_streamer: AXI4 read master. Descriptors (address, bytes, tag) in; the bytes they name, in order, as a stream of
// beats out. It runs ahead of its consumer into a deep buffer, so the memory's latency and the consumer's pauses hide
// each other.
//
//   output = for each descriptor: bytes / (DataW/8) beats, byte i of the descriptor at bits [8*(i mod DataW/8) +: 8];
//            tlast on the descriptor's last beat, tuser = its tag on every beat
//
// Bursts:      INCR, full width, cut at aligned borders of MaxBurstBytes, hence never across a 4 KB border. All IDs 0.
// Issue:       while beats in flight + burst <= WindowBytes and beats issued but not delivered + burst <= BufferBeats.
//              Every beat in flight has its buffer place: m_axi_rready is constantly 1, R never stalls.
// Gather mode: nothing to switch on. A descriptor of one beat is one address; FetchDescs of them can be in flight.
// Latency:     descriptor to m_axi_arvalid: 4 cycles when idle.
//              R beat to m_axis_tvalid: 4 cycles when the buffer is empty (input register 1, fifo_block 3).
//              descriptor to first beat: 8 + the memory's latency from address to data.
// Throughput:  with L the cycles from an address handshake to its first beat, b the beats of a burst (at most
//              MaxBurstBytes) and W the window in beats: one beat a cycle while
//                W >= L + 2 + b,   BufferBeats >= L + 5 + b   and   FetchDescs >= (L + 2) / b.
//              Beyond that, k bursts every c cycles, whichever is slowest:
//                window: k = floor(W/b), c = L + 2 + b - (W - k*b);   buffer: the same with BufferBeats and L + 5;
//                table: k = FetchDescs + 1, c = L + 2 + b.
//              One descriptor and one address a cycle, so streams of one-beat descriptors are as fast as long ones.
// Back-pressure: m_axis_tready stops only the buffer; addresses go on until its room is promised. s_desc_tready
//              depends only on registers. m_axis_tready reaches the buffer's read enable and the count of its room within
//              the cycle, but no combinational path joins any two of the four interfaces.
// Errors:      the beats before the failing one are delivered, nothing after it, no tlast is invented. error_o rises at
//              detection (the buffer may still hold good beats) with cause, address and tag, and stays. No new address
//              is issued, what is in flight is dropped, s_desc_tready is 0; waiting descriptors are forgotten.
//              An illegal descriptor makes no AXI traffic and fails once all before it has arrived.
// Clear:       clear_i (a pulse, or held) drops everything, the buffer too (m_axis_tvalid may fall), waits until
//              nothing is in flight and then takes error_o away. From the next cycle on idle_o = 0 until that is done;
//              while clear_i is held no descriptor is accepted. A descriptor taken together with the pulse is dropped.
// Reset:       resets the bookkeeping of reads in flight: the memory side must be reset with it (AXI).
// A memory that never answers keeps busy_o up for ever without error_o: put a watchdog beside it.
//
// Parameters:
//   DataW          bits of a beat: 32, 64, 128 or 256
//   AddrW          address bits, > 12
//   BytesW         bits of a descriptor's length
//   TagW           bits of a descriptor's tag, >= 1
//   IdW            bits of the AXI IDs, >= 1 (always 0)
//   WindowBytes    most bytes in flight, a multiple of a beat, >= MaxBurstBytes
//   MaxBurstBytes  burst limit, a power of two from a beat to 4096, at most 256 beats
//   BufferBeats    buffer depth in beats, >= WindowBytes in beats
//   FetchDescs     depth of the table of bursts in flight (its head register holds one more), >= 2
module hbm_streamer
  import hbm_streamer_pkg::*;
#(
    parameter int unsigned DataW = 256,
    parameter int unsigned AddrW = 64,
    parameter int unsigned BytesW = 32,
    parameter int unsigned TagW = 8,
    parameter int unsigned IdW = 1,
    parameter int unsigned WindowBytes = 4096,
    parameter int unsigned MaxBurstBytes = 512,
    parameter int unsigned BufferBeats = 512,
    parameter int unsigned FetchDescs = 128
) (
    input  logic              clk_i,
    input  logic              rst_ni,
    // descriptors
    input  logic [ AddrW-1:0] s_desc_addr,
    input  logic [BytesW-1:0] s_desc_bytes,
    input  logic [  TagW-1:0] s_desc_tag,
    input  logic              s_desc_tvalid,
    output logic              s_desc_tready,
    // beats
    output logic [ DataW-1:0] m_axis_tdata,
    output logic              m_axis_tlast,
    output logic [  TagW-1:0] m_axis_tuser,
    output logic              m_axis_tvalid,
    input  logic              m_axis_tready,
    // AXI4 read channels
    output logic [   IdW-1:0] m_axi_arid,
    output logic [ AddrW-1:0] m_axi_araddr,
    output logic [       7:0] m_axi_arlen,
    output logic [       2:0] m_axi_arsize,
    output logic [       1:0] m_axi_arburst,
    output logic [       3:0] m_axi_arcache,
    output logic [       2:0] m_axi_arprot,
    output logic              m_axi_arvalid,
    input  logic              m_axi_arready,
    input  logic [   IdW-1:0] m_axi_rid,
    input  logic [ DataW-1:0] m_axi_rdata,
    input  logic [       1:0] m_axi_rresp,
    input  logic              m_axi_rlast,
    input  logic              m_axi_rvalid,
    output logic              m_axi_rready,
    // control and status
    input  logic              clear_i,
    output logic              busy_o,         // something accepted is not delivered yet, or a clear is under way
    output logic              idle_o,         // !busy_o
    output logic              error_o,
    output cause_e            error_cause_o,
    output logic [ AddrW-1:0] error_addr_o,   // of the failing beat, or the illegal descriptor's
    output logic [  TagW-1:0] error_tag_o
);
  localparam int unsigned BeatBytes = DataW / 8;
  localparam int unsigned WindowBeats = WindowBytes / BeatBytes;
  localparam int unsigned MaxBeats = MaxBurstBytes / BeatBytes;
  localparam int unsigned BeatsW = $clog2(MaxBeats + 1);
  localparam int unsigned LevelW = $clog2(BufferBeats + 3);

  if (!(DataW inside {32, 64, 128, 256})) $error("%m: DataW is %0d, allowed: 32, 64, 128, 256", DataW);
  if (AddrW <= 12) $error("%m: AddrW is %0d, allowed: > 12", AddrW);
  if (BytesW <= $clog2(BeatBytes)) $error("%m: BytesW is %0d, allowed: > %0d", BytesW, $clog2(BeatBytes));
  if (TagW < 1 || IdW < 1) $error("%m: TagW is %0d, IdW is %0d, allowed: >= 1", TagW, IdW);
  if (MaxBurstBytes < BeatBytes || MaxBurstBytes > 4096 || MaxBeats > 256 || MaxBurstBytes != 1 << $clog2(MaxBurstBytes))
    $error("%m: MaxBurstBytes is %0d, allowed: a power of two, %0d to 4096, at most 256 beats", MaxBurstBytes, BeatBytes);
  if (WindowBytes < MaxBurstBytes || WindowBytes % BeatBytes != 0)
    $error("%m: WindowBytes is %0d, allowed: multiples of %0d, >= MaxBurstBytes", WindowBytes, BeatBytes);
  if (BufferBeats < WindowBeats || BufferBeats < 4)
    $error("%m: BufferBeats is %0d, allowed: >= WindowBytes in beats, >= 4", BufferBeats);
  if (FetchDescs < 2) $error("%m: FetchDescs is %0d, allowed: >= 2", FetchDescs);

  logic [AddrW-1:0] burst_addr;
  logic [BeatsW-1:0] burst_beats;
  logic [TagW-1:0] burst_tag, beat_tag;
  cause_e burst_cause;
  logic burst_last, burst_valid, burst_ready, split_busy;
  logic [DataW-1:0] beat_data;
  logic beat_last, beat_push, beat_room;
  logic stop, flush, clearing, drained;
  logic [LevelW-1:0] level;

  hbm_streamer_split #(
      .DataW        (DataW),
      .AddrW        (AddrW),
      .BytesW       (BytesW),
      .TagW         (TagW),
      .MaxBurstBytes(MaxBurstBytes)
  ) i_split (
      .clk_i,
      .rst_ni,
      .clear_i  (flush),
      .stop_i   (stop),
      .s_desc_addr,
      .s_desc_bytes,
      .s_desc_tag,
      .s_desc_tvalid,
      .s_desc_tready,
      .m_addr_o (burst_addr),
      .m_beats_o(burst_beats),
      .m_last_o (burst_last),
      .m_tag_o  (burst_tag),
      .m_cause_o(burst_cause),
      .m_valid_o(burst_valid),
      .m_ready_i(burst_ready),
      .busy_o   (split_busy)
  );

  hbm_streamer_track #(
      .DataW        (DataW),
      .AddrW        (AddrW),
      .TagW         (TagW),
      .IdW          (IdW),
      .MaxBurstBytes(MaxBurstBytes),
      .WindowBeats  (WindowBeats),
      .BufferBeats  (BufferBeats),
      .FetchDescs   (FetchDescs)
  ) i_track (
      .clk_i,
      .rst_ni,
      .s_addr_i  (burst_addr),
      .s_beats_i (burst_beats),
      .s_last_i  (burst_last),
      .s_tag_i   (burst_tag),
      .s_cause_i (burst_cause),
      .s_valid_i (burst_valid),
      .s_ready_o (burst_ready),
      .m_axi_araddr,
      .m_axi_arlen,
      .m_axi_arvalid,
      .m_axi_arready,
      .m_axi_rid,
      .m_axi_rdata,
      .m_axi_rresp,
      .m_axi_rlast,
      .m_axi_rvalid,
      .m_axi_rready,
      .m_push_o  (beat_push),
      .m_data_o  (beat_data),
      .m_last_o  (beat_last),
      .m_tag_o   (beat_tag),
      .m_pop_i   (m_axis_tvalid && m_axis_tready),
      .clear_i,
      .stop_o    (stop),
      .flush_o   (flush),
      .clearing_o(clearing),
      .drained_o (drained),
      .error_o,
      .error_cause_o,
      .error_addr_o,
      .error_tag_o
  );

  fifo_block #(
      .Width(DataW + 1 + TagW),
      .Depth(BufferBeats),
      .Style((BufferBeats >= 1024) ? "ultra" : "auto")  // four URAM hold 4,096 beats of 256 bits
  ) i_buffer (
      .clk_i,
      .rst_ni,
      .clear_i  (clearing),
      .s_data_i ({beat_data, beat_last, beat_tag}),
      .s_valid_i(beat_push),
      .s_ready_o(beat_room),
      .m_data_o ({m_axis_tdata, m_axis_tlast, m_axis_tuser}),
      .m_valid_o(m_axis_tvalid),
      .m_ready_i(m_axis_tready),
      .level_o  (level)
  );

  assign m_axi_arid = '0;
  assign m_axi_arsize = 3'($clog2(BeatBytes));
  assign m_axi_arburst = 2'b01;  // INCR
  assign m_axi_arcache = 4'b0011;  // normal, non-cacheable, bufferable
  assign m_axi_arprot = 3'b000;

  // After an error the descriptors still held are forgotten; they count again only for a clear that must remove them.
  assign busy_o = !drained || level != '0 || (clearing ? split_busy || error_o : split_busy && !error_o);
  assign idle_o = !busy_o;

  hbm_streamer_checker #(
      .DataW        (DataW),
      .AddrW        (AddrW),
      .TagW         (TagW),
      .WindowBytes  (WindowBytes),
      .MaxBurstBytes(MaxBurstBytes)
  ) i_check (
      .clk_i,
      .rst_ni,
      .stop_i       (stop),
      .flush_i      (flush),
      .clearing_i   (clearing),
      .idle_i       (idle_o),
      .error_i      (error_o),
      .desc_take_i  (s_desc_tvalid && s_desc_tready),
      .legal_i      (burst_cause == CauseNone),
      .push_i       (beat_push),
      .empty_i      (level == '0),
      .m_axis_tdata,
      .m_axis_tlast,
      .m_axis_tuser,
      .m_axis_tvalid,
      .m_axis_tready,
      .m_axi_araddr,
      .m_axi_arlen,
      .m_axi_arvalid,
      .m_axi_arready,
      .m_axi_rvalid,
      .m_axi_rready
  );

  a_no_overflow :
  assert property (@(posedge clk_i) disable iff (!rst_ni) beat_push |-> beat_room && level < LevelW'(BufferBeats));
endmodule
