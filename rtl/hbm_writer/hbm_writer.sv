// hbm_writer: AXI4 write master, the write side of hbm_streamer. Descriptors (address, bytes, tag) and a stream of beats in;
// an answer for every descriptor out.
//
//   for each descriptor: bytes / (DataW/8) beats of the stream go to consecutive addresses, then {tag, cause} comes out
//
// Bursts:      INCR, full width, cut at aligned borders of MaxBurstBytes, hence never across a 4 KB border. All IDs 0.
// Issue:       when all beats of the burst are in the buffer and fewer than Outstanding bursts are in flight. So W never waits
//              for the producer, and a producer that stops blocks no one else's writes. m_axi_bready is constantly 1.
// Answers:     in order, when the memory has answered the descriptor's last burst: what it wrote can be read.
// Latency:     descriptor to m_axi_awvalid and m_axi_wvalid: 4 cycles when idle, its beats in the buffer.
//              a burst's last beat to m_axi_awvalid: 2 cycles; a beat to m_axi_wvalid: 3 cycles when the buffer is empty.
//              B to m_done_tvalid: 2 cycles.
// Throughput:  with b the beats of a burst and L the cycles from a burst's last W beat to its B: one beat a cycle while
//              Outstanding * b >= L + 3 + b and BufferBeats >= 2b; else Outstanding bursts every L + 3 + b cycles
//              (L + 2 + b within descriptors of many bursts).
//              One descriptor, one address and one answer a cycle.
// Back-pressure: s_axis_tready falls when the buffer is full, s_desc_tready when bursts cannot be issued, both registers only;
//              answers not taken stop the issue once Outstanding of them wait.
//              m_axi_awready passes to no other interface within a cycle.
// Errors:      the first bad answer raises error_o with cause, address of the burst and tag, and stays. No new address is issued;
//              bursts on their way end as AXI demands. Then the failing descriptor is answered with the cause. Nothing behind it
//              is answered: some of it may be written. s_desc_tready is 0; beats of the stream are taken and dropped.
//              An illegal descriptor makes no AXI traffic and fails once all before it is answered.
// Clear:       clear_i (a pulse, or held) drops everything, answers too (m_done_tvalid may fall), waits until nothing is in
//              flight and takes error_o away. From the next cycle on idle_o = 0 until that is done. Meanwhile neither descriptors
//              nor beats are taken; those taken together with the pulse are dropped.
// Reset:       forgets bursts in flight: the memory side must be reset with it (AXI).
// A memory that never answers keeps busy_o up for ever without error_o: put a watchdog beside it.
//
// Parameters:
//   DataW          bits of a beat: 32, 64, 128 or 256
//   AddrW          address bits, > 12
//   BytesW         bits of a descriptor's length
//   TagW           bits of a descriptor's tag, >= 1
//   IdW            bits of the AXI IDs, >= 1 (always 0)
//   MaxBurstBytes  burst limit, a power of two from a beat to 4096, at most 256 beats
//   BufferBeats    buffer depth in beats, >= MaxBurstBytes in beats, >= 4
//   Outstanding    most bursts in flight, and most answers that wait, >= 2
//   Strobes        1: a beat is written where its s_axis_tstrb is 1, which waits beside it; 0: everywhere, s_axis_tstrb is ignored
module hbm_writer
  import hbm_streamer_pkg::*;
#(
    parameter int unsigned DataW = 256,
    parameter int unsigned AddrW = 64,
    parameter int unsigned BytesW = 32,
    parameter int unsigned TagW = 8,
    parameter int unsigned IdW = 1,
    parameter int unsigned MaxBurstBytes = 512,
    parameter int unsigned BufferBeats = 64,
    parameter int unsigned Outstanding = 16,
    parameter bit Strobes = 1'b0
) (
    input  logic               clk_i,
    input  logic               rst_ni,
    // descriptors
    input  logic [  AddrW-1:0] s_desc_addr,
    input  logic [ BytesW-1:0] s_desc_bytes,
    input  logic [   TagW-1:0] s_desc_tag,
    input  logic               s_desc_tvalid,
    output logic               s_desc_tready,
    // beats
    input  logic [  DataW-1:0] s_axis_tdata,
    input  logic [DataW/8-1:0] s_axis_tstrb,
    input  logic               s_axis_tvalid,
    output logic               s_axis_tready,
    // answers
    output logic [   TagW-1:0] m_done_tag,
    output cause_e             m_done_cause,
    output logic               m_done_tvalid,
    input  logic               m_done_tready,
    // AXI4 write channels
    output logic [    IdW-1:0] m_axi_awid,
    output logic [  AddrW-1:0] m_axi_awaddr,
    output logic [        7:0] m_axi_awlen,
    output logic [        2:0] m_axi_awsize,
    output logic [        1:0] m_axi_awburst,
    output logic [        3:0] m_axi_awcache,
    output logic [        2:0] m_axi_awprot,
    output logic               m_axi_awvalid,
    input  logic               m_axi_awready,
    output logic [  DataW-1:0] m_axi_wdata,
    output logic [DataW/8-1:0] m_axi_wstrb,
    output logic               m_axi_wlast,
    output logic               m_axi_wvalid,
    input  logic               m_axi_wready,
    input  logic [    IdW-1:0] m_axi_bid,
    input  logic [        1:0] m_axi_bresp,
    input  logic               m_axi_bvalid,
    output logic               m_axi_bready,
    // control and status
    input  logic               clear_i,
    output logic               busy_o,         // something accepted is not answered yet, or a clear is under way
    output logic               idle_o,         // !busy_o
    output logic               error_o,
    output cause_e             error_cause_o,
    output logic [  AddrW-1:0] error_addr_o,   // of the failing burst, or the illegal descriptor's
    output logic [   TagW-1:0] error_tag_o
);
  localparam int unsigned BeatBytes = DataW / 8;
  localparam int unsigned MaxBeats = MaxBurstBytes / BeatBytes;
  localparam int unsigned BeatsW = $clog2(MaxBeats + 1);
  localparam int unsigned LevelW = $clog2(BufferBeats + 3);

  if (!(DataW inside {32, 64, 128, 256})) $error("%m: DataW is %0d, allowed: 32, 64, 128, 256", DataW);
  if (AddrW <= 12) $error("%m: AddrW is %0d, allowed: > 12", AddrW);
  if (BytesW <= $clog2(BeatBytes)) $error("%m: BytesW is %0d, allowed: > %0d", BytesW, $clog2(BeatBytes));
  if (TagW < 1 || IdW < 1) $error("%m: TagW is %0d, IdW is %0d, allowed: >= 1", TagW, IdW);
  if (MaxBurstBytes < BeatBytes || MaxBurstBytes > 4096 || MaxBeats > 256 || MaxBurstBytes != 1 << $clog2(MaxBurstBytes))
    $error("%m: MaxBurstBytes is %0d, allowed: a power of two, %0d to 4096, at most 256 beats", MaxBurstBytes, BeatBytes);
  if (BufferBeats < MaxBeats || BufferBeats < 4)
    $error("%m: BufferBeats is %0d, allowed: >= MaxBurstBytes in beats, >= 4", BufferBeats);
  if (Outstanding < 2) $error("%m: Outstanding is %0d, allowed: >= 2", Outstanding);

  logic [AddrW-1:0] burst_addr;
  logic [BeatsW-1:0] burst_beats;
  logic [TagW-1:0] burst_tag;
  cause_e burst_cause;
  logic burst_last, burst_valid, burst_ready, split_busy;
  localparam int unsigned WordW = DataW + (Strobes ? BeatBytes : 0);
  logic [WordW-1:0] new_word, word;
  logic data_valid, data_ready, buffer_ready, push;
  logic stop, flush, clearing, drained, sending, table_room, answer_room;
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

  assign s_axis_tready = !clearing && (error_o || buffer_ready);
  assign push = s_axis_tvalid && buffer_ready && !stop;

  if (Strobes) begin : gen_strobes
    assign new_word = {s_axis_tstrb, s_axis_tdata};
    assign m_axi_wstrb = word[WordW-1-:BeatBytes];
  end else begin : gen_whole
    assign new_word = s_axis_tdata;
    assign m_axi_wstrb = '1;
    wire unused = ^s_axis_tstrb;
  end

  fifo_block #(
      .Width(WordW),
      .Depth(BufferBeats),
      .Style("auto")
  ) i_buffer (
      .clk_i,
      .rst_ni,
      .clear_i  (flush),
      .s_data_i (new_word),
      .s_valid_i(push),
      .s_ready_o(buffer_ready),
      .m_data_o (word),
      .m_valid_o(data_valid),
      .m_ready_i(data_ready),
      .level_o  (level)
  );

  hbm_writer_issue #(
      .DataW        (DataW),
      .AddrW        (AddrW),
      .MaxBurstBytes(MaxBurstBytes),
      .BufferBeats  (BufferBeats),
      .Outstanding  (Outstanding)
  ) i_issue (
      .clk_i,
      .rst_ni,
      .flush_i      (flush),
      .stop_i       (stop),
      .s_addr_i     (burst_addr),
      .s_beats_i    (burst_beats),
      .s_last_i     (burst_last),
      .s_legal_i    (burst_cause == CauseNone),
      .s_valid_i    (burst_valid),
      .s_ready_o    (burst_ready),
      .table_room_i (table_room),
      .answer_room_i(answer_room),
      .push_i       (push),
      .data_i       (word[DataW-1:0]),
      .data_valid_i (data_valid),
      .data_ready_o (data_ready),
      .m_axi_awaddr,
      .m_axi_awlen,
      .m_axi_awvalid,
      .m_axi_awready,
      .m_axi_wdata,
      .m_axi_wlast,
      .m_axi_wvalid,
      .m_axi_wready,
      .sending_o    (sending)
  );

  hbm_writer_answer #(
      .DataW      (DataW),
      .AddrW      (AddrW),
      .TagW       (TagW),
      .IdW        (IdW),
      .Outstanding(Outstanding)
  ) i_answer (
      .clk_i,
      .rst_ni,
      .s_line_i     (burst_addr[AddrW-1:$clog2(BeatBytes)]),
      .s_last_i     (burst_last),
      .s_tag_i      (burst_tag),
      .s_valid_i    (burst_ready),
      .table_room_o (table_room),
      .answer_room_o(answer_room),
      .desc_bad_i   (burst_valid && burst_cause != CauseNone),
      .desc_addr_i  (burst_addr),
      .desc_tag_i   (burst_tag),
      .desc_cause_i (burst_cause),
      .wlast_i      (m_axi_wvalid && m_axi_wready && m_axi_wlast),
      .sending_i    (sending),
      .m_axi_bid,
      .m_axi_bresp,
      .m_axi_bvalid,
      .m_axi_bready,
      .m_done_tag,
      .m_done_cause,
      .m_done_tvalid,
      .m_done_tready,
      .clear_i,
      .stop_o       (stop),
      .flush_o      (flush),
      .clearing_o   (clearing),
      .drained_o    (drained),
      .error_o,
      .error_cause_o,
      .error_addr_o,
      .error_tag_o
  );

  assign m_axi_awid = '0;
  assign m_axi_awsize = 3'($clog2(BeatBytes));
  assign m_axi_awburst = 2'b01;  // INCR
  assign m_axi_awcache = 4'b0011;  // normal, non-cacheable, bufferable
  assign m_axi_awprot = 3'b000;

  // After an error what is still held is forgotten; it counts again only for a clear that must remove it.
  wire held = split_busy || level != '0;
  assign busy_o = !drained || m_done_tvalid || (clearing ? held || error_o : held && !error_o);
  assign idle_o = !busy_o;

  hbm_writer_checker #(
      .DataW        (DataW),
      .AddrW        (AddrW),
      .TagW         (TagW),
      .MaxBurstBytes(MaxBurstBytes),
      .Outstanding  (Outstanding)
  ) i_check (
      .clk_i,
      .rst_ni,
      .stop_i       (stop),
      .flush_i      (flush),
      .clearing_i   (clearing),
      .idle_i       (idle_o),
      .error_i      (error_o),
      .desc_take_i  (s_desc_tvalid && s_desc_tready),
      .m_done_tag,
      .m_done_cause (4'(m_done_cause)),
      .m_done_tvalid,
      .m_done_tready,
      .m_axi_awaddr,
      .m_axi_awlen,
      .m_axi_awvalid,
      .m_axi_awready,
      .m_axi_wdata,
      .m_axi_wstrb,
      .m_axi_wlast,
      .m_axi_wvalid,
      .m_axi_wready,
      .m_axi_bvalid,
      .m_axi_bready
  );
endmodule
