// hbm_streamer_split: cuts descriptors into AXI bursts and judges their legality.
//
//   chunk  = MaxBurstBytes, aligned; a burst never leaves its chunk, so it never crosses a 4 KB border either
//   burst  = from the current address to the end of its chunk or of the descriptor, whichever comes first
//
// An illegal descriptor becomes one item with m_cause_o != CauseNone (m_addr_o and m_tag_o are the descriptor's);
// it is not a burst. Where several rules are broken the cause is the first of align, zero, range.
//
// Latency:       3 cycles from s_desc to m_valid_o (input spill register, sums, burst register).
// Throughput:    one burst a cycle, also where every descriptor is one burst.
// Back-pressure: s_desc_tready depends only on registers.
//
// Parameters:
//   DataW, AddrW, BytesW, TagW, MaxBurstBytes  as in hbm_streamer
// Ports:
//   clear_i  drops what is held
//   stop_i   no descriptor is accepted while high
//   busy_o   a descriptor is held
module hbm_streamer_split
  import hbm_streamer_pkg::*;
#(
    parameter int unsigned DataW = 256,
    parameter int unsigned AddrW = 64,
    parameter int unsigned BytesW = 32,
    parameter int unsigned TagW = 8,
    parameter int unsigned MaxBurstBytes = 512,
    localparam int unsigned BeatsW = $clog2(MaxBurstBytes / (DataW / 8) + 1)
) (
    input  logic              clk_i,
    input  logic              rst_ni,
    input  logic              clear_i,
    input  logic              stop_i,
    input  logic [ AddrW-1:0] s_desc_addr,
    input  logic [BytesW-1:0] s_desc_bytes,
    input  logic [  TagW-1:0] s_desc_tag,
    input  logic              s_desc_tvalid,
    output logic              s_desc_tready,
    output logic [ AddrW-1:0] m_addr_o,
    output logic [BeatsW-1:0] m_beats_o,      // 1 .. MaxBurstBytes / beat
    output logic              m_last_o,       // last burst of its descriptor
    output logic [  TagW-1:0] m_tag_o,
    output cause_e            m_cause_o,
    output logic              m_valid_o,
    input  logic              m_ready_i,
    output logic              busy_o
);
  localparam int unsigned BeatBytes = DataW / 8;
  localparam int unsigned SizeW = $clog2(BeatBytes);
  localparam int unsigned ChunkBeats = MaxBurstBytes / BeatBytes;
  localparam int unsigned ChunkW = $clog2(MaxBurstBytes);
  // Beats of a descriptor, with room for ChunkBeats and a sign.
  localparam int unsigned LeftW = ((BytesW - SizeW > BeatsW) ? BytesW - SizeW : BeatsW) + 1;
  localparam int unsigned LowW = (AddrW > BytesW) ? BytesW : AddrW;  // address bits that the length can change

  // The descriptor as it arrived.
  logic [AddrW-1:0] desc_addr;
  logic [BytesW-1:0] desc_bytes;
  logic [TagW-1:0] desc_tag;
  logic desc_valid, desc_ready, spill_ready;

  assign s_desc_tready = spill_ready && !stop_i;

  spill_register #(
      .Width(AddrW + BytesW + TagW)
  ) i_in (
      .clk_i,
      .rst_ni   (rst_ni && !clear_i),
      .s_data_i ({s_desc_addr, s_desc_bytes, s_desc_tag}),
      .s_valid_i(s_desc_tvalid && !stop_i),
      .s_ready_o(spill_ready),
      .m_data_o ({desc_addr, desc_bytes, desc_tag}),
      .m_valid_o(desc_valid),
      .m_ready_i(desc_ready)
  );

  // Arithmetic on it, one step away from the burst so that no sum meets other logic in its cycle.
  logic [AddrW-1:0] job_addr_q;
  logic [TagW-1:0] job_tag_q;
  logic [BeatsW-1:0] room, job_room_q;  // beats to the end of the first chunk
  logic [LeftW-1:0] total, over, job_over_q;
  logic [BeatsW-1:0] job_total_q;  // of use only if it fits the first chunk
  logic [BytesW:0] job_past_q;  // one past the last byte, without the address bits that the length cannot change ...
  logic job_top_q;  // ... which matter only if they are all ones: then a carry into them leaves the address space
  logic job_odd_q, job_zero_q, job_valid_q, job_ready, load;

  assign room = BeatsW'(ChunkBeats) - BeatsW'((desc_addr >> SizeW) & AddrW'(ChunkBeats - 1));
  assign total = LeftW'(desc_bytes >> SizeW);
  assign over = total - LeftW'(room);
  assign job_ready = load || !job_valid_q;
  assign desc_ready = job_ready;

  always_ff @(posedge clk_i) begin
    if (job_ready) begin
      job_addr_q  <= desc_addr;
      job_tag_q   <= desc_tag;
      job_room_q  <= room;
      job_total_q <= BeatsW'(total);
      job_over_q  <= over;
      job_past_q  <= (BytesW + 1)'(desc_addr[LowW-1:0]) + (BytesW + 1)'(desc_bytes);
      job_top_q   <= &(desc_addr | AddrW'({LowW{1'b1}}));
      job_odd_q   <= desc_addr[SizeW-1:0] != '0 || desc_bytes[SizeW-1:0] != '0;
      job_zero_q  <= desc_bytes == '0;
    end
    if (!rst_ni || clear_i) job_valid_q <= 1'b0;
    else if (job_ready) job_valid_q <= desc_valid;
  end

  // Its first burst and its legality.
  logic single;
  cause_e cause;

  always_comb begin
    single = job_over_q[LeftW-1] || job_over_q == '0;
    if (job_odd_q) cause = CauseDescAlign;
    else if (job_zero_q) cause = CauseDescZero;
    else if (job_top_q && (job_past_q >> LowW) != '0 && job_past_q != (BytesW + 1)'(1) << LowW) cause = CauseDescRange;
    else cause = CauseNone;
  end

  // The burst on offer, and what is left of its descriptor behind it.
  logic [AddrW-1:0] addr_q;
  logic [BeatsW-1:0] beats_q;
  logic [LeftW-1:0] left_q;
  logic [TagW-1:0] tag_q;
  cause_e cause_q;
  logic last_q, valid_q;

  wire move = m_ready_i || !valid_q;
  wire left_fits = left_q <= LeftW'(ChunkBeats);

  assign load = move && (last_q || !valid_q);

  always_ff @(posedge clk_i) begin
    if (load) begin
      addr_q  <= job_addr_q;
      beats_q <= single ? job_total_q : job_room_q;
      left_q  <= job_over_q;
      tag_q   <= job_tag_q;
      last_q  <= single || cause != CauseNone;
      cause_q <= cause;
    end else if (move) begin
      addr_q  <= {addr_q[AddrW-1:ChunkW] + (AddrW - ChunkW)'(1), ChunkW'(0)};
      beats_q <= left_fits ? BeatsW'(left_q) : BeatsW'(ChunkBeats);
      left_q  <= left_q - LeftW'(ChunkBeats);
      last_q  <= left_fits;
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) valid_q <= 1'b0;
    else if (load) valid_q <= job_valid_q;
  end

  assign m_addr_o = addr_q;
  assign m_beats_o = beats_q;
  assign m_last_o = last_q;
  assign m_tag_o = tag_q;
  assign m_cause_o = cause_q;
  assign m_valid_o = valid_q;
  assign busy_o = valid_q || job_valid_q || desc_valid;

  a_burst_in_chunk :
  assert property (@(posedge clk_i) disable iff (!rst_ni) m_valid_o && m_cause_o == CauseNone |->
      m_beats_o != '0 && ((m_addr_o >> SizeW) & AddrW'(ChunkBeats - 1)) + AddrW'(m_beats_o) <= AddrW'(ChunkBeats));
`ifndef SYNTHESIS
  // The promised latency: bit n-1 is set n cycles after a descriptor was taken while nothing was held.
  logic [2:0] taken_q;
  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) taken_q <= '0;
    else taken_q <= {taken_q[1:0], s_desc_tvalid && s_desc_tready && !busy_o};
  end

  a_latency :
  assert property (@(posedge clk_i) disable iff (!rst_ni) taken_q[2] |-> m_valid_o);
`endif
endmodule
